//! Why a query of a reading has no answer, and whether the reading ends with it.

use common::{Reason, text};

use crate::{session::AskError, sql};

/// Why a reading ended before its end.
#[derive(Debug)]
pub(crate) enum Ended {
    Lost(tokio_postgres::Error),
    Timeout,
}

/// Why one query has no answer. An error that is not the query's own ends the reading.
pub(crate) fn reason(error: AskError, user: &str, ended: &mut Option<Ended>) -> Reason {
    match error {
        AskError::Timeout => {
            ended.get_or_insert(Ended::Timeout);
            Reason::new("timeout")
        }
        AskError::Server(error) => match error.as_db_error() {
            Some(db) => {
                let said = text::clean_server_text(db.message());
                match db.code().code() {
                    "42501" => sql::no_privilege(user),
                    "57014" => Reason::new("the server stopped the query at its time limit"),
                    "55P03" => Reason::new("locked: the query would have had to wait"),
                    _ => Reason::new(said),
                }
            }
            None => {
                ended.get_or_insert(Ended::Lost(error));
                Reason::new("the connection broke")
            }
        },
    }
}
