//! Whether the server's version still gets corrections.

use chrono::{DateTime, Days, NaiveDate, Utc};
use common::Reason;

use super::{Ask, Check, Verdict};

pub(super) const CHECK: Check = Check {
    id: "version-end-of-life",
    title: "Version",
    unit: "s",
    threshold: None,
    why: "After its final release a version gets no more corrections, also not of holes in its security.",
    docs_url: "https://www.postgresql.org/support/versioning/",
    ask: |_| Ask::Nothing,
    judge: |_, context| verdict(context.known.version_num, context.now),
};

/// When the final release of each major is, by the versioning policy of the project (docs_url, read 2026-11). A major
/// that is newer than this release of the dashboard is supported for as long as it can know of.
const FINAL_RELEASES: [(i32, &str, i32, u32, u32); 10] = [
    (906, "9.6", 2021, 11, 11),
    (1000, "10", 2022, 11, 10),
    (1100, "11", 2023, 11, 9),
    (1200, "12", 2024, 11, 21),
    (1300, "13", 2025, 11, 13),
    (1400, "14", 2026, 11, 12),
    (1500, "15", 2027, 11, 11),
    (1600, "16", 2028, 11, 9),
    (1700, "17", 2029, 11, 8),
    (1800, "18", 2030, 11, 14),
];

const POINTS: u8 = 5;
/// So long before it is worth planning.
const AHEAD: Days = Days::new(180);

fn verdict(version_num: Option<i32>, now: DateTime<Utc>) -> Result<Verdict, Reason> {
    let Some(number) = version_num else { return Err(Reason::new("the server did not say its version")) };
    // 90624 is 9.6.24, 170002 is 17.2.
    let key = if number < 100_000 { number / 100 } else { number / 10_000 * 100 };
    let known = FINAL_RELEASES.iter().find(|(of, ..)| *of == key);
    let end = known.and_then(|(_, _, year, month, day)| NaiveDate::from_ymd_opt(*year, *month, *day));
    let Some(((_, name, ..), end)) = known.zip(end) else {
        return Ok(match key < FINAL_RELEASES[0].0 {
            true => Verdict {
                value: None,
                ..Verdict::warning(
                    POINTS,
                    0.0,
                    "This version has not been corrected for many years. Upgrade.",
                )
            },
            false => Verdict::skipped("This version is newer than this release of the dashboard."),
        });
    };
    let today = now.date_naive();
    let left_s = (end - today).as_seconds_f64();
    Ok(if end < today {
        let detail = format!(
            "PostgreSQL {name} had its final release on {end}: it is not corrected any more. Upgrade."
        );
        Verdict::warning(POINTS, left_s, detail)
    } else if end <= today + AHEAD {
        let detail = format!("PostgreSQL {name} has its final release on {end}: plan the upgrade.");
        Verdict::info(left_s, detail)
    } else {
        Verdict::ok(left_s, format!("PostgreSQL {name} is corrected until {end}."))
    })
}

#[cfg(test)]
mod tests {
    use common::health::CheckStatus;

    use super::*;

    fn on(date: &str, version_num: i32) -> Verdict {
        let day: NaiveDate = date.parse().unwrap();
        verdict(Some(version_num), day.and_hms_opt(12, 0, 0).unwrap().and_utc()).unwrap()
    }

    #[test]
    fn after_its_final_release_a_version_is_a_warning() {
        assert_eq!(on("2025-01-01", 130_018).status, CheckStatus::Ok);
        assert_eq!(on("2025-11-13", 130_018).status, CheckStatus::Info);
        let ended = on("2025-11-14", 130_018);
        assert_eq!((ended.status, ended.points), (CheckStatus::Warning, 5));
        assert!(ended.detail.contains("2025-11-13"), "{}", ended.detail);
        assert_eq!(on("2026-11-24", 180_004).status, CheckStatus::Ok);
    }

    #[test]
    fn every_version_number_finds_its_major() {
        assert!(on("2026-01-01", 90_624).detail.contains("9.6"));
        assert!(on("2026-01-01", 100_023).detail.contains("PostgreSQL 10 "));
        assert_eq!(on("2026-01-01", 90_426).status, CheckStatus::Warning);
        assert_eq!(on("2026-01-01", 990_000).status, CheckStatus::Skipped);
        assert!(verdict(None, Utc::now()).is_err());
    }

    #[test]
    fn final_releases_are_a_year_apart() {
        let end = |(_, _, year, month, day): (i32, &str, i32, u32, u32)| {
            NaiveDate::from_ymd_opt(year, month, day).unwrap()
        };
        for pair in FINAL_RELEASES.windows(2) {
            let days = (end(pair[1]) - end(pair[0])).num_days();
            assert!((350..=380).contains(&days), "{pair:?}");
        }
    }
}
