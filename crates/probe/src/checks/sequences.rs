//! Sequences that come near the largest number that they, or the column that they fill, can hold. At the end every
//! insert fails, and making the column larger locks its table for as long as it takes to write it anew.

use common::{Reason, health::Evidence, units};

use super::{
    Ask, Check, Context, Verdict,
    check::limits,
    relation::{Relation, all_fixes, counted, read_all},
};
use crate::{
    health::Known,
    rows::{Answer, Row},
    sql,
};

pub(super) const CHECK: Check = Check {
    id: "sequences",
    title: "Sequences near their end",
    unit: "ratio",
    threshold: limits(WARNING, CRITICAL),
    why: "When a sequence has no number left, or its column cannot hold the next, every insert fails.",
    docs_url: "https://www.postgresql.org/docs/current/datatype-numeric.html#DATATYPE-SERIAL",
    ask: |known| Ask::sql(if known.major() >= 18 { SQL_18 } else { SQL_13 }),
    judge,
};

const WARNING: f64 = 0.85;
const CRITICAL: f64 = 0.95;
const WARNING_POINTS: u8 = 10;
const CRITICAL_POINTS: u8 = 25;

/// Where a sequence stands is on a page of its own, so that at most 500 are looked at: those with the fewest numbers
/// first, and of them those of the largest tables. Those that begin anew at their end are left out.
///
/// The column is the one that the sequence belongs to, or one whose default takes from it.
macro_rules! sequences {
    (right: $right:literal, last_value: $last_value:literal) => {
        concat!(
            "\
with columns as (
  select d.objid as seqrelid, d.refobjid as attrelid, d.refobjsubid as attnum
    from pg_depend d
   where d.classid = 'pg_class'::regclass
     and d.refclassid = 'pg_class'::regclass
     and d.refobjsubid > 0
     and d.deptype in ('a', 'i')
     and d.objid in (select s.seqrelid from pg_sequence s)
  union
  select d.refobjid, f.adrelid, f.adnum
    from pg_depend d
    join pg_attrdef f on f.oid = d.objid
   where d.classid = 'pg_attrdef'::regclass
     and d.refclassid = 'pg_class'::regclass
     and d.deptype = 'n'
     and d.refobjid in (select s.seqrelid from pg_sequence s)
), sequences as (
  select distinct on (s.seqrelid)
         s.seqrelid, s.seqtypid, s.seqincrement, s.seqmin, s.seqmax, c.relname, n.nspname,
         k.attrelid, k.attnum, a.attname, a.atttypid, a.attidentity,
         has_sequence_privilege(s.seqrelid, ",
            $right,
            ") as readable,
         case a.atttypid when 'int2'::regtype then 32767 when 'int4'::regtype then 2147483647
                         else 9223372036854775807
         end as column_max
    from pg_sequence s
    join pg_class c on c.oid = s.seqrelid and c.relpersistence <> 't'
    join pg_namespace n on n.oid = c.relnamespace
    left join columns k on k.seqrelid = s.seqrelid
    left join pg_attribute a on a.attrelid = k.attrelid and a.attnum = k.attnum
                            and a.atttypid in ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
   where not s.seqcycle
     and n.nspname !~ '^pg_'
     and n.nspname <> 'information_schema'
     and not (c.relpersistence = 'u' and pg_is_in_recovery())
   order by s.seqrelid, column_max
), looked_at as materialized (
  select s.*, count(*) over () as sequences, count(*) filter (where not s.readable) over () as hidden
    from sequences s
    left join pg_class t on t.oid = s.attrelid
   order by s.readable desc, least(s.seqmax, s.column_max) - s.seqmin::numeric, t.relpages desc nulls last
   limit 500
)
select s.nspname as schema_name, s.relname as name, tn.nspname as table_schema, t.relname as table_name,
       s.attname as column_name, format_type(s.atttypid, null) as column_type, format_type(s.seqtypid, null) as sequence_type,
       s.attidentity <> '' as is_identity,
       s.seqincrement as increment, s.seqmin as smallest, s.seqmax as largest,
       case when s.readable then ",
            $last_value,
            " end as last_value,
       s.readable, s.sequences, s.hidden
  from looked_at s
  left join pg_class t on t.oid = s.attrelid
  left join pg_namespace tn on tn.oid = t.relnamespace"
        )
    };
}

/// Up to 17 the one function that tells it takes a ROW EXCLUSIVE lock on the sequence, as `nextval` does, and no savepoint
/// gives it back: it is held until the transaction ends. That is this query's own (`health::slow`), so that who alters or
/// drops a sequence waits for as long as this query takes at most, which has a time limit of its own.
const SQL_13: &str = sequences!(right: "'usage, select'", last_value: "pg_sequence_last_value(s.seqrelid)");
/// From 18 on there is one that takes no more than ACCESS SHARE.
const SQL_18: &str = sequences!(
    right: "'select'",
    last_value: "(select x.last_value from pg_get_sequence_data(s.seqrelid) x where x.is_called)"
);

fn judge(answer: &Answer, context: &mut Context<'_>) -> Result<Verdict, Reason> {
    let count = |column| answer.first().and_then(|row| row.number::<i64>(column)).unwrap_or(0);
    let sequences = read_all(answer, Sequence::from_row)?;
    verdict(count("sequences"), count("hidden"), &sequences, context.known)
}

/// The integer types that a sequence or column can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Integer {
    Small,
    Usual,
    Big,
}

impl Integer {
    fn read(row: Row<'_>, column: &str) -> Option<Self> {
        match row.text(column)?.as_str() {
            "smallint" => Some(Self::Small),
            "integer" => Some(Self::Usual),
            "bigint" => Some(Self::Big),
            _ => None,
        }
    }

    fn largest(self) -> i64 {
        match self {
            Self::Small => i16::MAX.into(),
            Self::Usual => i32::MAX.into(),
            Self::Big => i64::MAX,
        }
    }

    fn smallest(self) -> i64 {
        -self.largest() - 1
    }
}

#[derive(Debug, Clone)]
struct Sequence {
    relation: Relation,
    /// The table and column that take its numbers, and the column's type.
    column: Option<(Relation, String, Integer)>,
    is_identity: bool,
    kind: Integer,
    increment: i64,
    smallest: i64,
    largest: i64,
    /// `None`: it was never used, or we may not see it.
    last: Option<i64>,
    readable: bool,
}

impl Sequence {
    fn from_row(row: Row<'_>) -> Option<Self> {
        let table = Relation::read(row, "table_schema", "table_name");
        let column = table.zip(row.text("column_name")).zip(Integer::read(row, "column_type"));
        Some(Self {
            relation: Relation::read(row, "schema_name", "name")?,
            column: column.map(|((table, name), kind)| (table, name, kind)),
            is_identity: row.flag("is_identity").unwrap_or(false),
            kind: Integer::read(row, "sequence_type")?,
            increment: row.number("increment")?,
            smallest: row.number("smallest")?,
            largest: row.number("largest")?,
            last: row.number("last_value"),
            readable: row.flag("readable")?,
        })
    }

    /// The last number that it, and its column, can have.
    fn end(&self) -> i64 {
        let column = self.column.as_ref().map(|(.., kind)| *kind);
        match self.increment >= 0 {
            true => self.largest.min(column.map_or(i64::MAX, Integer::largest)),
            false => self.smallest.max(column.map_or(i64::MIN, Integer::smallest)),
        }
    }

    /// How much of the way to its end it has gone.
    fn used(&self) -> Option<f64> {
        let (begin, last, end) = match self.increment >= 0 {
            true => (self.smallest, self.last?, self.end()),
            false => (self.end(), self.last?, self.largest),
        };
        let whole = i128::from(end) - i128::from(begin);
        let gone = match self.increment >= 0 {
            true => i128::from(last) - i128::from(begin),
            false => i128::from(end) - i128::from(last),
        };
        (whole > 0).then(|| (gone as f64 / whole as f64).clamp(0.0, 1.0))
    }

    /// What gives it more numbers; `None` where it has as many as there are, or a name cannot be shown as it is.
    fn fix(&self) -> Option<String> {
        let sequence = self.relation.in_sql()?;
        let mut statements = Vec::new();
        if let Some((table, column, kind)) = &self.column
            && *kind < Integer::Big
        {
            let table = table.in_sql()?;
            if !sql::is_plain(column) {
                return None;
            }
            statements
                .push(format!("ALTER TABLE {table} ALTER COLUMN {} TYPE bigint;", sql::identifier(column)));
        }
        // The sequence of an identity column gets its column's type.
        let mut change = String::new();
        if self.kind < Integer::Big && (!self.is_identity || statements.is_empty()) {
            change.push_str(" AS bigint");
        }
        match self.increment >= 0 {
            true if self.largest < self.kind.largest() => change.push_str(" NO MAXVALUE"),
            false if self.smallest > self.kind.smallest() => change.push_str(" NO MINVALUE"),
            _ => {}
        }
        if !change.is_empty() {
            statements.push(format!("ALTER SEQUENCE {sequence}{change};"));
        }
        (!statements.is_empty()).then(|| statements.join("\n"))
    }

    fn evidence(&self, used: f64) -> Evidence {
        let column = match &self.column {
            Some((table, column, _)) => {
                format!(" for {}.{}", table.shown(), common::text::clean_server_text(column))
            }
            None => String::new(),
        };
        let left = i128::from(self.end()).abs_diff(i128::from(self.last.unwrap_or(0)))
            / u128::from(self.increment.unsigned_abs().max(1));
        let detail = format!(
            "{} % used{column}: {} more until {}",
            units::percent(used),
            units::thousands(i64::try_from(left).unwrap_or(i64::MAX)),
            units::thousands(self.end())
        );
        Evidence { subject: self.relation.shown(), detail, fix_sql: self.fix() }
    }
}

fn verdict(all: i64, hidden: i64, sequences: &[Sequence], known: &Known) -> Result<Verdict, Reason> {
    if sequences.is_empty() {
        return Ok(Verdict::skipped("There is no sequence in this database."));
    }
    if sequences.iter().all(|sequence| !sequence.readable) {
        return Err(no_privilege(sequences, known));
    }
    let mut used: Vec<(f64, &Sequence)> =
        sequences.iter().filter_map(|sequence| Some((sequence.used()?, sequence))).collect();
    used.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut left_out = match hidden {
        1.. => format!(
            " {} could not be seen: the user may not select from it.",
            counted(hidden, "sequence", "sequences")
        ),
        _ => String::new(),
    };
    let looked_at = sequences.len() as i64;
    if all > looked_at {
        left_out.push_str(&format!(
            " Of {} the {} with the fewest numbers were looked at.",
            units::thousands(all),
            units::thousands(looked_at)
        ));
    }
    let Some((worst, fullest)) = used.first() else {
        return Ok(Verdict::ok(0.0, format!("No sequence was used yet.{left_out}")));
    };
    let near: Vec<_> = used.iter().filter(|(used, _)| *used >= WARNING).collect();
    if near.is_empty() {
        let detail = format!(
            "The fullest sequence, {}, has used {} % of its numbers.{left_out}",
            fullest.relation.shown(),
            units::percent(*worst)
        );
        return Ok(Verdict::ok(*worst, detail));
    }
    let detail = format!(
        "{} near the end: after it inserts fail.{left_out} To change a column's type writes the table anew while it is \
         locked; for a large one, fill a new bigint column beside it instead.",
        counted(near.len() as i64, "sequence is", "sequences are")
    );
    let evidence: Vec<Evidence> = near.iter().map(|(used, sequence)| sequence.evidence(*used)).collect();
    let fix = all_fixes(&evidence);
    let mut verdict = match *worst >= CRITICAL {
        true => Verdict::critical(CRITICAL_POINTS, *worst, detail),
        false => Verdict::warning(WARNING_POINTS, *worst, detail),
    }
    .with_evidence(evidence);
    verdict.fix_sql = fix;
    Ok(verdict)
}

/// Not even `pg_monitor` may see where a sequence stands.
fn no_privilege(sequences: &[Sequence], known: &Known) -> Reason {
    let mut schemas: Vec<&str> = sequences.iter().map(|sequence| sequence.relation.schema()).collect();
    schemas.sort_unstable();
    schemas.dedup();
    let role = known.user();
    let plain =
        sql::is_plain(role) && schemas.iter().all(|schema| sql::is_plain(schema)) && schemas.len() <= 10;
    let grants: Vec<String> = schemas
        .iter()
        .map(|schema| {
            let (schema, role) = (sql::identifier(schema), sql::identifier(role));
            format!("GRANT SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {role};")
        })
        .collect();
    Reason {
        reason: "the user may not select from any of the sequences".to_owned(),
        fix_sql: plain.then(|| grants.join("\n")),
    }
}

#[cfg(test)]
mod tests {
    use common::health::CheckStatus;

    use super::*;

    fn serial(last: i64) -> Sequence {
        Sequence {
            relation: Relation::public("t_id_seq"),
            column: Some((Relation::public("t"), "id".to_owned(), Integer::Usual)),
            is_identity: false,
            kind: Integer::Usual,
            increment: 1,
            smallest: 1,
            largest: i32::MAX.into(),
            last: Some(last),
            readable: true,
        }
    }

    fn of(sequence: Sequence) -> Verdict {
        verdict(1, 0, &[sequence], &Known::default()).unwrap()
    }

    #[test]
    fn eighty_five_and_ninety_five_per_cent_are_the_limits() {
        let at = |ratio: f64| of(serial((f64::from(i32::MAX) * ratio) as i64 + 2));
        assert_eq!(at(0.849).status, CheckStatus::Ok);
        assert_eq!((at(0.85).status, at(0.85).points), (CheckStatus::Warning, 10));
        assert_eq!((at(0.95).status, at(0.95).points), (CheckStatus::Critical, 25));
        assert_eq!(of(Sequence { last: None, ..serial(0) }).status, CheckStatus::Ok);
    }

    #[test]
    fn the_columns_type_counts_where_it_is_smaller() {
        let big = Sequence { kind: Integer::Big, largest: i64::MAX, ..serial(2_100_000_000) };
        let found = of(big);
        assert_eq!(found.status, CheckStatus::Critical);
        assert_eq!(
            found.fix_sql.as_deref(),
            Some("ALTER TABLE \"public\".\"t\" ALTER COLUMN \"id\" TYPE bigint;")
        );
    }

    #[test]
    fn the_fix_makes_both_larger_and_lifts_a_limit_of_ones_own() {
        let fix = |sequence: Sequence| sequence.fix().unwrap();
        let table = "ALTER TABLE \"public\".\"t\" ALTER COLUMN \"id\" TYPE bigint;";
        assert_eq!(fix(serial(1)), format!("{table}\nALTER SEQUENCE \"public\".\"t_id_seq\" AS bigint;"));
        assert_eq!(fix(Sequence { is_identity: true, ..serial(1) }), table);
        let lone = Sequence { column: None, kind: Integer::Big, largest: 100, ..serial(99) };
        assert_eq!(fix(lone.clone()), "ALTER SEQUENCE \"public\".\"t_id_seq\" NO MAXVALUE;");
        let down = Sequence { increment: -1, smallest: -100, largest: -1, last: Some(-99), ..lone };
        assert_eq!(fix(down.clone()), "ALTER SEQUENCE \"public\".\"t_id_seq\" NO MINVALUE;");
        assert_eq!(of(down).status, CheckStatus::Critical);
        let all = Sequence { column: None, kind: Integer::Big, largest: i64::MAX, ..serial(i64::MAX) };
        assert_eq!(all.fix(), None, "there are no larger numbers");
    }

    #[test]
    fn what_may_not_be_seen_is_said_and_never_fine() {
        let hidden = Sequence { last: None, readable: false, ..serial(0) };
        let known = Known::of("app");
        let reason = verdict(1, 1, std::slice::from_ref(&hidden), &known).unwrap_err();
        assert_eq!(
            reason.fix_sql.as_deref(),
            Some("GRANT SELECT ON ALL SEQUENCES IN SCHEMA \"public\" TO \"app\";")
        );
        let some = verdict(2, 1, &[serial(1), hidden], &known).unwrap();
        assert!(some.detail.contains("1 sequence could not be seen"), "{}", some.detail);
    }

    #[test]
    fn numbers_that_make_no_sense_make_no_alarm_and_no_panic() {
        let odd = |last, smallest, largest, increment| {
            let sequence = Sequence { last: Some(last), smallest, largest, increment, ..serial(0) };
            of(Sequence { column: None, kind: Integer::Big, ..sequence })
        };
        assert_eq!(odd(5, 10, 1, 1).status, CheckStatus::Ok, "there is no room between its limits");
        assert_eq!(odd(-5, 1, 100, 1).value, Some(0.0));
        assert_eq!(odd(i64::MIN, i64::MIN, i64::MAX, i64::MIN).status, CheckStatus::Critical);
        assert_eq!(odd(i64::MAX, i64::MIN, i64::MAX, i64::MAX).status, CheckStatus::Critical);
        assert_eq!(odd(i64::MAX, i64::MIN, i64::MAX, 0).status, CheckStatus::Critical);
    }
}
