//! How large a table or index would be if it were written anew, from the statistics of its columns; what it takes
//! beyond that is bloat. An estimate: how rows lie on pages is in PostgreSQL's manual ("Database Page Layout").

use common::{Reason, health::Evidence, units};

use super::{
    Verdict,
    relation::{Relation, WORTH_A_LOOK_BYTES, all_fixes, counted},
};
use crate::health::Known;

pub(super) const WARNING: f64 = 0.3;
pub(super) const CRITICAL: f64 = 0.5;
const WARNING_POINTS: u8 = 5;
const CRITICAL_POINTS: u8 = 10;

pub(super) const PAGE_HEADER: f64 = 24.0;
/// A pointer to each row stands at the beginning of its page.
pub(super) const ROW_POINTER: f64 = 4.0;
const ALIGNMENT: u32 = 8;

/// A column as far as it decides how wide a row is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Column {
    /// `None`: as long as its value.
    fixed: Option<u32>,
    alignment: u32,
    null_ratio: f64,
    width: f64,
}

/// The columns of one relation as the SQL lists them: `attlen:attalign:null_frac:avg_width`, separated by spaces.
/// `None` where one has no statistics.
pub(super) fn columns(list: &str) -> Option<Vec<Column>> {
    list.split(' ').map(column).collect()
}

fn column(text: &str) -> Option<Column> {
    let mut parts = text.split(':');
    let length: i64 = parts.next()?.parse().ok()?;
    let alignment = match parts.next()? {
        "c" => 1,
        "s" => 2,
        "i" => 4,
        "d" => 8,
        _ => return None,
    };
    let null_ratio: f64 = parts.next()?.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio))?;
    let width: f64 = parts.next()?.parse().ok().filter(|width| (0.0..=1e9).contains(width))?;
    let fixed = u32::try_from(length).ok().filter(|length| *length > 0);
    Some(Column { fixed, alignment, null_ratio, width: fixed.map_or(width, f64::from) })
}

pub(super) fn any_null(columns: &[Column]) -> bool {
    columns.iter().any(|column| column.null_ratio > 0.0)
}

/// The mean width of a row with its `header`. Where a column begins is known as long as only columns of fixed length
/// that are never null came before; after that its padding is what it is on average.
pub(super) fn row_width(header: f64, columns: &[Column]) -> f64 {
    // The offset is `residue` modulo `modulus`; the header is aligned.
    let (mut width, mut modulus, mut residue) = (align_up(header), ALIGNMENT, 0_u32);
    for column in columns {
        // A short value with a one-byte header is not aligned.
        let alignment = if column.fixed.is_none() && column.width < 127.0 { 1 } else { column.alignment };
        let padding = if alignment <= modulus {
            f64::from((alignment - residue % alignment) % alignment)
        } else {
            f64::from((modulus - residue) % modulus) + f64::from(alignment - modulus) / 2.0
        };
        width += (1.0 - column.null_ratio) * (padding + column.width);
        match column.fixed {
            Some(length) if column.null_ratio == 0.0 => {
                if alignment > modulus {
                    (modulus, residue) = (alignment, 0);
                } else {
                    residue += padding as u32;
                }
                residue = residue.wrapping_add(length) % modulus;
            }
            _ => (modulus, residue) = (1, 0),
        }
    }
    align_up(width)
}

pub(super) fn align_up(width: f64) -> f64 {
    (width / f64::from(ALIGNMENT)).ceil() * f64::from(ALIGNMENT)
}

/// What is known of one relation.
#[derive(Debug)]
pub(super) struct Looked {
    pub(super) relation: Relation,
    /// What it belongs to, as the end of a sentence.
    pub(super) belongs: String,
    pub(super) bytes: i64,
    pub(super) estimate: Estimate,
    pub(super) fix_sql: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Estimate {
    /// Bytes that it would take.
    Bytes(f64),
    /// We may not read what the estimate needs.
    Hidden,
    /// It was not analysed yet, or its statistics are not what they should be.
    Unknown,
}

/// `pages` of `block` bytes.
pub(super) fn pages(pages: f64, block: f64) -> Estimate {
    let bytes = pages.ceil().max(1.0) * block;
    if bytes.is_finite() { Estimate::Bytes(bytes) } else { Estimate::Unknown }
}

/// How the two checks differ in words.
pub(super) struct Words {
    pub(super) one: &'static str,
    pub(super) many: &'static str,
    pub(super) advice: &'static str,
}

pub(super) fn verdict(words: &Words, looked: &[Looked], known: &Known) -> Result<Verdict, Reason> {
    let hidden = looked.iter().filter(|one| one.estimate == Estimate::Hidden).count();
    let unknown = looked.iter().filter(|one| one.estimate == Estimate::Unknown).count();
    if hidden > 0 && hidden == looked.len() {
        return Err(no_statistics(known));
    }
    let mut bloated: Vec<(f64, f64, &Looked)> = looked.iter().filter_map(wasted).collect();
    bloated.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut left_out = String::new();
    if hidden > 0 {
        left_out.push_str(&format!(
            " {} could not be estimated: the user may not read {}.",
            counted(hidden as i64, words.one, words.many),
            if hidden == 1 { "it" } else { "them" }
        ));
    }
    if unknown > 0 {
        left_out.push_str(&format!(
            " {} could not be estimated for want of statistics (ANALYZE makes them).",
            counted(unknown as i64, words.one, words.many)
        ));
    }
    let worst = bloated.iter().map(|(_, ratio, _)| *ratio).fold(0.0, f64::max);
    if worst < WARNING {
        let detail = format!(
            "By estimate no {} of those looked at wastes 30 % and 10 MB or more.{left_out}",
            words.one
        );
        return Ok(Verdict::ok(worst, detail));
    }
    let over: Vec<_> = bloated.iter().filter(|(_, ratio, _)| *ratio >= WARNING).collect();
    let evidence: Vec<Evidence> =
        over.iter().map(|(wasted, ratio, one)| evidence(*wasted, *ratio, one)).collect();
    let all: f64 = over.iter().map(|(wasted, ..)| wasted).sum();
    let detail = format!(
        "By estimate {} {} {} that rewritten {} would not take.{left_out} {}",
        counted(over.len() as i64, words.one, words.many),
        if over.len() == 1 { "holds" } else { "hold" },
        units::bytes(all as i64),
        if over.len() == 1 { "it" } else { "they" },
        words.advice
    );
    let fix = over.iter().take(1).find_map(|(.., one)| one.fix_sql.clone()).or_else(|| all_fixes(&evidence));
    let mut verdict = if worst < CRITICAL {
        Verdict::warning(WARNING_POINTS, worst, detail)
    } else {
        Verdict::critical(CRITICAL_POINTS, worst, detail)
    }
    .with_evidence(evidence);
    verdict.fix_sql = fix;
    Ok(verdict)
}

/// Wasted bytes and their part of the whole, where that is worth a look.
fn wasted(one: &Looked) -> Option<(f64, f64, &Looked)> {
    let Estimate::Bytes(needed) = one.estimate else { return None };
    let bytes = one.bytes.max(0) as f64;
    let wasted = bytes - needed;
    (wasted >= WORTH_A_LOOK_BYTES as f64).then(|| (wasted, wasted / bytes, one))
}

fn evidence(wasted: f64, ratio: f64, one: &Looked) -> Evidence {
    let detail = format!(
        "about {} of {} ({} %) by estimate{}",
        units::bytes(wasted as i64),
        units::bytes(one.bytes),
        units::percent(ratio),
        one.belongs
    );
    Evidence { subject: one.relation.shown(), detail, fix_sql: one.fix_sql.clone() }
}

/// `pg_monitor` is not enough: `pg_stats` shows only columns that one may select.
fn no_statistics(known: &Known) -> Reason {
    let role = known.user();
    let grant = crate::sql::is_plain(role).then(|| {
        let role = crate::sql::identifier(role);
        match known.major() {
            0..14 => format!(
                "-- lets it read the rows of every table in the schema as well; repeat for each schema\n\
                 GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role};"
            ),
            _ => {
                format!("-- lets it read the rows of every table as well\nGRANT pg_read_all_data TO {role};")
            }
        }
    });
    Reason {
        reason: "the estimate needs pg_stats, which shows only columns that the user may SELECT, and it may \
                 select none of the large tables"
            .to_owned(),
        fix_sql: grant,
    }
}

#[cfg(test)]
mod tests {
    use common::health::CheckStatus;

    use super::*;

    const WORDS: Words = Words { one: "table", many: "tables", advice: "Do this." };
    const MB: i64 = 1 << 20;

    fn width(list: &str) -> f64 {
        row_width(23.0, &columns(list).unwrap())
    }

    #[test]
    fn padding_is_exact_where_it_can_be_known() {
        // (int, bigint, int, bigint): 4 + 4 + 8 + 4 + 4 + 8
        assert_eq!(width("4:i:0:4 8:d:0:8 4:i:0:4 8:d:0:8"), 56.0);
        assert_eq!(width("8:d:0:8 8:d:0:8 4:i:0:4 4:i:0:4"), 48.0);
        // (boolean, int): 1 + 3 + 4
        assert_eq!(width("1:c:0:1 4:i:0:4"), 32.0);
        // A short text is not aligned; what follows it is, on average.
        assert_eq!(width("-1:i:0:5 8:d:0:8"), align_up(24.0 + 5.0 + 3.5 + 8.0));
        // All null: nothing but the header.
        assert_eq!(width("8:d:1:8"), 24.0);
    }

    #[test]
    fn columns_without_statistics_or_with_senseless_ones_are_not_estimated() {
        for list in [
            "4:i",
            "4:i:NaN:4",
            "4:i:-0.1:4",
            "4:i:0:-4",
            "4:x:0:4",
            "",
            "x:i:0:4",
            "4:i:0:inf",
            "4:i:0:1e300",
        ] {
            assert_eq!(columns(list), None, "{list}");
        }
        let longest = columns("9223372036854775807:d:0:8 4294967295:i:0:4 4294967295:d:0:4").unwrap();
        assert!(row_width(23.0, &longest).is_finite());
    }

    fn of(bytes: i64, estimate: Estimate) -> Looked {
        let relation = Relation::public("orders");
        Looked { relation, belongs: String::new(), bytes, estimate, fix_sql: Some("VACUUM x;".to_owned()) }
    }

    fn judge(looked: &[Looked]) -> Verdict {
        verdict(&WORDS, looked, &Known::default()).unwrap()
    }

    #[test]
    fn thirty_and_fifty_per_cent_of_what_is_worth_a_look_are_the_limits() {
        let mb = |n: i64| Estimate::Bytes((n * MB) as f64);
        assert_eq!(judge(&[of(100 * MB, mb(71))]).status, CheckStatus::Ok);
        assert_eq!(judge(&[of(100 * MB, mb(70))]).status, CheckStatus::Warning);
        let half = judge(&[of(100 * MB, mb(71)), of(20 * MB, mb(10))]);
        assert_eq!((half.status, half.value, half.points), (CheckStatus::Critical, Some(0.5), 10));
        assert!(half.detail.starts_with("By estimate 1 table holds 10.0 MB"), "{}", half.detail);
        assert_eq!((half.evidence.len(), half.fix_sql.as_deref()), (1, Some("VACUUM x;")));
        assert_eq!(judge(&[of(19 * MB, mb(10))]).status, CheckStatus::Ok, "less than 10 MB");
    }

    #[test]
    fn what_cannot_be_estimated_is_said_and_is_no_bloat() {
        let some = judge(&[of(100 * MB, Estimate::Hidden), of(100 * MB, Estimate::Unknown)]);
        assert_eq!((some.status, some.value), (CheckStatus::Ok, Some(0.0)));
        assert!(some.detail.contains("may not read") && some.detail.contains("want of statistics"));
        let mut known = Known::of("app");
        known.version_num = Some(180_000);
        let none = verdict(&WORDS, &[of(100 * MB, Estimate::Hidden)], &known).unwrap_err();
        assert!(none.reason.contains("pg_stats"), "{none:?}");
        assert!(none.fix_sql.unwrap().ends_with("GRANT pg_read_all_data TO \"app\";"));
        assert_eq!(judge(&[]).status, CheckStatus::Ok, "nothing is large enough");
    }

    #[test]
    fn sizes_that_make_no_sense_make_no_alarm_and_no_panic() {
        for (bytes, estimate) in [
            (i64::MIN, Estimate::Bytes(1.0)),
            (i64::MAX, Estimate::Bytes(1e300)),
            (100 * MB, pages(f64::NAN, 8192.0)),
            (100 * MB, pages(f64::INFINITY, 8192.0)),
        ] {
            let found = judge(&[of(bytes, estimate)]);
            assert!(
                found.status != CheckStatus::Critical || estimate == Estimate::Bytes(8192.0),
                "{found:?}"
            );
        }
        assert_eq!(judge(&[of(i64::MAX, Estimate::Bytes(0.0))]).status, CheckStatus::Critical);
    }
}
