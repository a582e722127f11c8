//! What a check is: how it is asked, and how the answer is judged.
//!
//! A check is a constant in a file of its own. The runner (`health`) puts its query beside those of all others into
//! one transaction with savepoints, so that an error ends only its own; what the check cannot say for itself (a time
//! limit, a missing right, an answer that is none) makes it unavailable with the reason.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use common::{
    Reason, Unavailable,
    health::{self, CheckStatus, Evidence, Threshold},
};

use super::Context;
use crate::{health::Known, rows::Answer};

/// How many pieces of evidence a check shows, whatever number the server sends.
pub(crate) const MOST_EVIDENCE: usize = 10;

/// One check, whatever it finds.
pub(crate) struct Check {
    /// A slug.
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    /// `ratio`, `count`, `bytes`, `s`, `bytes_per_s`, …
    pub(crate) unit: &'static str,
    pub(crate) threshold: Option<Threshold>,
    /// Why it matters, in a sentence.
    pub(crate) why: &'static str,
    /// The page of PostgreSQL's manual.
    pub(crate) docs_url: &'static str,
    pub(crate) ask: fn(&Known) -> Ask,
    /// Judges the answer to the query; the answer has no rows where nothing was asked.
    pub(crate) judge: fn(&Answer, &mut Context<'_>) -> Result<Verdict, Reason>,
}

/// What a check asks a server of which this much is known.
pub(crate) enum Ask {
    /// One statement that reads. `search_path` is `pg_catalog` alone.
    Sql(Cow<'static, str>),
    /// Nothing more than what every reading holds.
    Nothing,
    /// It does not apply here; why, as a sentence.
    Skip(&'static str),
    /// It cannot be read here.
    Unavailable(Reason),
}

impl Ask {
    pub(crate) fn sql(sql: &'static str) -> Self {
        Self::Sql(Cow::Borrowed(sql))
    }

    pub(crate) fn query(&self) -> Option<&str> {
        match self {
            Self::Sql(sql) => Some(sql),
            Self::Nothing | Self::Skip(_) | Self::Unavailable(_) => None,
        }
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) status: CheckStatus,
    pub(crate) value: Option<f64>,
    /// Points of 100 that it takes from the score.
    pub(crate) points: u8,
    pub(crate) detail: String,
    pub(crate) fix_sql: Option<String>,
    pub(crate) evidence: Vec<Evidence>,
    /// Why there is no value where there is none.
    pub(crate) no_value: Option<Reason>,
    /// The limits it was judged by where those are not the check's usual ones.
    pub(crate) threshold: Option<Threshold>,
}

impl Verdict {
    fn new(status: CheckStatus, value: Option<f64>, points: u8, detail: String) -> Self {
        Self {
            status,
            value,
            points,
            detail,
            fix_sql: None,
            evidence: Vec::new(),
            no_value: None,
            threshold: None,
        }
    }

    /// At or beyond a limit it is a finding, which takes so many `points` (of a warning, of a critical one).
    pub(crate) fn by(limits: Threshold, points: (u8, u8), value: f64, detail: impl Into<String>) -> Self {
        let mut verdict = if value >= limits.critical {
            Self::critical(points.1, value, detail)
        } else if value >= limits.warning {
            Self::warning(points.0, value, detail)
        } else {
            Self::ok(value, detail)
        };
        verdict.threshold = Some(limits);
        verdict
    }

    pub(crate) fn ok(value: f64, detail: impl Into<String>) -> Self {
        Self::new(CheckStatus::Ok, Some(value), 0, detail.into())
    }

    /// Worth knowing, nothing to worry about; takes no points.
    pub(crate) fn info(value: f64, detail: impl Into<String>) -> Self {
        Self::new(CheckStatus::Info, Some(value), 0, detail.into())
    }

    pub(crate) fn warning(points: u8, value: f64, detail: impl Into<String>) -> Self {
        Self::new(CheckStatus::Warning, Some(value), points, detail.into())
    }

    pub(crate) fn critical(points: u8, value: f64, detail: impl Into<String>) -> Self {
        Self::new(CheckStatus::Critical, Some(value), points, detail.into())
    }

    /// It does not apply, or there is too little to say.
    pub(crate) fn skipped(detail: impl Into<String>) -> Self {
        Self::new(CheckStatus::Skipped, None, 0, detail.into())
    }

    /// There is nothing that could be wrong, and no number: no standby, no slot.
    pub(crate) fn nothing_there(detail: impl Into<String>, reason: &str) -> Self {
        Self { no_value: Some(Reason::new(reason)), ..Self::new(CheckStatus::Ok, None, 0, detail.into()) }
    }

    /// What is judged by what happened between two readings, without an interval to look at.
    pub(crate) fn no_interval(reason: Reason) -> Self {
        let detail = format!("There is nothing to compare with yet: {}.", plain(&reason.reason));
        Self { no_value: Some(reason), ..Self::skipped(detail) }
    }

    pub(crate) fn with_fix(mut self, sql: impl Into<String>) -> Self {
        self.fix_sql = Some(sql.into());
        self
    }

    pub(crate) fn with_evidence(mut self, evidence: Vec<Evidence>) -> Self {
        self.evidence = evidence;
        self.evidence.truncate(MOST_EVIDENCE);
        self
    }

    pub(crate) fn is_finding(&self) -> bool {
        matches!(self.status, CheckStatus::Warning | CheckStatus::Critical)
    }
}

/// The answer holds something that no server of ours would say.
pub(crate) fn not_an_answer() -> Reason {
    Reason::new("the server's answer is not what was asked for")
}

/// The limits of a check as a constant.
pub(crate) const fn limits(warning: f64, critical: f64) -> Option<Threshold> {
    Some(Threshold { warning, critical })
}

impl Check {
    /// The check as it is shown, from what was found or why it could not be.
    pub(crate) fn found(&self, found: Result<Verdict, Reason>, now: DateTime<Utc>) -> health::Check {
        let mut unavailable = Unavailable::new();
        let verdict = found.unwrap_or_else(|reason| {
            let detail = format!("It could not be read: {}.", plain(&reason.reason));
            let mut verdict = Verdict::new(CheckStatus::Unavailable, None, 0, detail);
            verdict.fix_sql = reason.fix_sql.clone();
            verdict.no_value = Some(reason);
            verdict
        });
        if let Some(reason) = verdict.no_value {
            unavailable.insert("value".to_owned(), reason);
        }
        health::Check {
            id: self.id.to_owned(),
            title: self.title.to_owned(),
            status: verdict.status,
            // JSON has no word for what is not finite.
            value: verdict.value.filter(|value| value.is_finite()),
            unit: self.unit.to_owned(),
            threshold: verdict.threshold.or(self.threshold),
            points: verdict.points,
            detail: verdict.detail,
            why: self.why.to_owned(),
            evidence: verdict.evidence,
            fix_sql: verdict.fix_sql,
            docs_url: Some(self.docs_url.to_owned()),
            measured_at: now,
            unavailable,
        }
    }
}

/// A reason's slug as words.
fn plain(reason: &str) -> &str {
    match reason {
        "no_privilege" => "the user may not see it",
        Reason::NEEDS_SUPERUSER => "only a superuser may see it",
        "timeout" => "the server did not answer in time",
        Reason::NOT_COLLECTED => "it has not been asked yet",
        Reason::FIRST_READING => "it takes two readings, and this is the first",
        other => other.trim_end_matches('.'),
    }
}
