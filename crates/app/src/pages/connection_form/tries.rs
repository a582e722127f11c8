//! The names of what is sent, so that sending the same again after an answer that got lost does not add a second
//! connection.

use common::ConnectionDraft;

/// The last draft that was sent and its key. The password is part of it, and goes nowhere but where the draft goes.
#[derive(Debug, Default)]
pub(super) struct Tries {
    last: Option<(ConnectionDraft, String)>,
}

impl Tries {
    /// The key of the try before when nothing has changed since, else a new one: a server that stored the first try
    /// would answer it again, and drop the correction.
    pub(super) fn key_for(&mut self, draft: &ConnectionDraft, draw: impl FnOnce() -> String) -> String {
        match &self.last {
            Some((last, key)) if is_same(last, draft) => key.clone(),
            _ => {
                let key = draw();
                self.last = Some((draft.clone(), key.clone()));
                key
            }
        }
    }
}

fn is_same(one: &ConnectionDraft, other: &ConnectionDraft) -> bool {
    // As they would be sent: every field, also those to come.
    match (serde_json::to_string(one), serde_json::to_string(other)) {
        (Ok(one), Ok(other)) => one == other,
        _ => false,
    }
}

/// A key that nobody else draws.
pub(super) fn draw() -> String {
    let part = || (js_sys::Math::random() * f64::from(u32::MAX)) as u32;
    format!("form-{:08x}{:08x}{:08x}{:08x}", part(), part(), part(), part())
}

#[cfg(test)]
mod tests {
    use common::RequestSecret;

    use super::*;

    fn draft(host: &str, password: &str) -> ConnectionDraft {
        let password = RequestSecret::new(password);
        ConnectionDraft { host: host.to_owned(), password, ..ConnectionDraft::default() }
    }

    #[test]
    fn the_same_draft_keeps_its_key_and_any_change_draws_another() {
        let mut tries = Tries::default();
        let mut keys = ["first", "second", "third"].into_iter();
        let mut key = |host, password| {
            tries.key_for(&draft(host, password), || keys.next().expect("a key is left").to_owned())
        };
        assert_eq!(key("db", "wrong"), "first");
        assert_eq!(key("db", "wrong"), "first");
        assert_eq!(key("db", "right"), "second");
        assert_eq!(key("db2", "right"), "third");
        assert_eq!(key("db2", "right"), "third");
    }
}
