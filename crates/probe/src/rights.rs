//! What lets a login reach beyond its database: asked in one way by all who run, or judge, what such a login could.

use crate::rows::Row;

/// Two columns, to be looked up with `pg_catalog` first. Who may become somebody can do what they can, without inheriting
/// their rights and also where another role was chosen meanwhile.
pub(crate) const COLUMNS: &str = "\
exists (select from pg_roles s
         where s.rolsuper
           and (pg_has_role(current_user, s.oid, 'member') or pg_has_role(session_user, s.oid, 'member'))
       ) as reaches_superuser,
(select string_agg(s.rolname::text, ', ' order by s.rolname::text)
   from pg_roles s
  where s.rolname in ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files')
    and (pg_has_role(current_user, s.oid, 'member') or pg_has_role(session_user, s.oid, 'member'))
) as reaches_server_by";

/// What lets a login reach beyond the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BeyondTheDatabase {
    /// It is one, or a member of one.
    Superuser,
    /// The predefined roles that it is a member of.
    MemberOf(String),
}

impl BeyondTheDatabase {
    /// By the answer to [`COLUMNS`]. What is not answered counts as yes.
    pub(crate) fn of(row: Row<'_>) -> Option<Self> {
        if row.flag("reaches_superuser") != Some(false) {
            return Some(Self::Superuser);
        }
        row.shown("reaches_server_by").map(Self::MemberOf)
    }
}
