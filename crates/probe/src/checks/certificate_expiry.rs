//! When the server's certificate ends. From that day on every client that verifies it is refused.

use chrono::{DateTime, Utc};
use common::{Reason, TestResult, test_result::TestKind, units};

use super::{Ask, Check, Verdict, check::limits};

pub(super) const CHECK: Check = Check {
    id: "certificate-expiry",
    title: "Certificate",
    unit: "s",
    threshold: limits(WARNING_DAYS * DAY_S, CRITICAL_DAYS * DAY_S),
    why: "From the day its certificate ends, every client that verifies it is refused.",
    docs_url: "https://www.postgresql.org/docs/current/ssl-tcp.html#SSL-CERTIFICATE-CREATION",
    ask: |_| Ask::Nothing,
    judge: |_, context| verdict(context.test, context.now),
};

const DAY_S: f64 = 86_400.0;
const WARNING_DAYS: f64 = 30.0;
const CRITICAL_DAYS: f64 = 7.0;
const WARNING_POINTS: u8 = 10;
const CRITICAL_POINTS: u8 = 30;

/// Where the server looks for it, and how it is told of a new one: a restart is not needed.
const FIX: &str = "\
SHOW ssl_cert_file;
-- put the new certificate (and key) there, then
SELECT pg_reload_conf();";

fn verdict(test: &TestResult, now: DateTime<Utc>) -> Result<Verdict, Reason> {
    let Some(tls) = &test.tls else {
        if test.kind == TestKind::Held {
            // Not known is not fine: what was found before stands.
            return Ok(Verdict {
                no_value: Some(Reason::new(Reason::NOT_COLLECTED)),
                ..Verdict::skipped("The session was kept open: the next fresh connect shows the certificate.")
            });
        }
        return Ok(Verdict::skipped("The connection is not encrypted: the server showed no certificate."));
    };
    let Some(end) = tls.not_after else {
        return Err(Reason::new("the certificate's end cannot be read"));
    };
    let left_s = (end - now).as_seconds_f64();
    let date = end.format("%Y-%m-%d %H:%M UTC");
    if left_s <= 0.0 {
        let ago = units::span(-left_s);
        let detail =
            format!("The certificate ended on {date}, {ago} ago. Clients that verify it are refused.");
        return Ok(Verdict::critical(CRITICAL_POINTS, left_s, detail).with_fix(FIX));
    }
    let detail = format!("The certificate is valid until {date}: {} more.", units::span(left_s));
    Ok(if left_s < CRITICAL_DAYS * DAY_S {
        Verdict::critical(CRITICAL_POINTS, left_s, detail).with_fix(FIX)
    } else if left_s < WARNING_DAYS * DAY_S {
        Verdict::warning(WARNING_POINTS, left_s, detail).with_fix(FIX)
    } else {
        Verdict::ok(left_s, detail)
    })
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use common::{
        ConnectionId,
        health::CheckStatus,
        test_result::{TlsInfo, Verified},
    };

    use super::*;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn with(not_after: Option<DateTime<Utc>>) -> TestResult {
        let tls = TlsInfo {
            version: None,
            cipher: None,
            verified: Verified::No,
            subject: None,
            issuer: None,
            not_after,
            fingerprint_sha256: "ab".to_owned(),
        };
        TestResult { tls: Some(tls), ..TestResult::unfinished(ConnectionId(1), NOW) }
    }

    fn after(hours: i64) -> Verdict {
        verdict(&with(Some(NOW + TimeDelta::hours(hours))), NOW).unwrap()
    }

    #[test]
    fn thirty_days_before_its_end_is_a_warning_and_a_week_is_critical() {
        assert_eq!(after(30 * 24).status, CheckStatus::Ok);
        assert_eq!(after(30 * 24 - 1).status, CheckStatus::Warning);
        assert_eq!(after(7 * 24).status, CheckStatus::Warning);
        assert_eq!(after(7 * 24 - 1).status, CheckStatus::Critical);
        let ended = after(-48);
        assert_eq!(ended.status, CheckStatus::Critical);
        assert!(ended.detail.contains("ended on 1969-12-30"), "{}", ended.detail);
    }

    #[test]
    fn without_a_certificate_there_is_nothing_to_say() {
        let mut test = TestResult::unfinished(ConnectionId(1), NOW);
        let plain = verdict(&test, NOW).unwrap();
        assert_eq!((plain.status, plain.no_value), (CheckStatus::Skipped, None), "it does not apply");
        test.kind = TestKind::Held;
        let held = verdict(&test, NOW).unwrap();
        assert!(held.detail.contains("kept open"));
        assert_eq!(held.no_value, Some(Reason::new(Reason::NOT_COLLECTED)), "an end that was found stands");
        assert!(verdict(&with(None), NOW).is_err());
    }
}
