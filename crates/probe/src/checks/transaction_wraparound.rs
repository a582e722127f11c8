//! How far the oldest transaction id that is not frozen is from wraparound, over all databases of the server.

use super::{Ask, Check, wraparound};

pub(super) const CHECK: Check = Check {
    id: "transaction-wraparound",
    title: "Transaction ids used",
    unit: "count",
    threshold: Some(wraparound::LIMITS),
    why: "Transaction ids are used again after 2^31: before one could be mistaken for another the server stops writing, in \
          all databases.",
    docs_url: "https://www.postgresql.org/docs/current/routine-vacuuming.html#VACUUM-FOR-WRAPAROUND",
    ask: |_| Ask::sql(SQL),
    judge: |answer, context| wraparound::judge(IDS, answer, context),
};

const IDS: wraparound::Ids =
    wraparound::Ids { name: "transaction ids", setting: "autovacuum_freeze_max_age" };

const SQL: &str = "\
select datname as name, age(datfrozenxid) as age, datallowconn as connectable,
       current_setting('autovacuum_freeze_max_age') as freeze_at
  from pg_database
 order by age(datfrozenxid) desc
 limit 10";
