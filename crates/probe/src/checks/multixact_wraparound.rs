//! How far the oldest multixact id is from wraparound, over all databases. A multixact stands for several transactions
//! that lock one row together (foreign keys, `SELECT … FOR SHARE`).

use super::{Ask, Check, wraparound};

pub(super) const CHECK: Check = Check {
    id: "multixact-wraparound",
    title: "Multixact ids used",
    unit: "count",
    threshold: Some(wraparound::LIMITS),
    why: "Multixact ids, which stand for several lockers of a row, are used again after 2^31: before that the server stops \
          handing them out.",
    docs_url: "https://www.postgresql.org/docs/current/routine-vacuuming.html#VACUUM-FOR-MULTIXACT-WRAPAROUND",
    ask: |_| Ask::sql(SQL),
    judge: |answer, context| wraparound::judge(IDS, answer, context),
};

const IDS: wraparound::Ids =
    wraparound::Ids { name: "multixact ids", setting: "autovacuum_multixact_freeze_max_age" };

const SQL: &str = "\
select datname as name, mxid_age(datminmxid) as age, datallowconn as connectable,
       current_setting('autovacuum_multixact_freeze_max_age') as freeze_at
  from pg_database
 order by mxid_age(datminmxid) desc
 limit 10";
