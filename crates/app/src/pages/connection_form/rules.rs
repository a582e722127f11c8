//! The rule of each field by its name: the same functions that the server refuses with, so that leaving a
//! field tells what the server would say.

use common::{
    FieldError,
    validate::{self, Fault},
};

/// What is wrong with what was typed into a field, if anything.
pub(super) fn fault(field: &str, typed: &str) -> Option<FieldError> {
    rule(field, typed).err().map(|fault| FieldError::new(field, fault.code, fault.message))
}

fn rule(field: &str, typed: &str) -> Result<(), Fault> {
    match field {
        "name" => validate::name(typed).map(drop),
        "host" => validate::host(typed).map(drop),
        "port" => validate::port(typed).map(drop),
        "database_name" => validate::database_name(typed).map(drop),
        "username" => validate::username(typed).map(drop),
        "password" => validate::password(typed),
        "ssl_root_cert" => validate::ssl_root_cert(typed).map(drop),
        "region" => validate::region(typed).map(drop),
        "cloud_provider" => validate::cloud_provider(typed).map(drop),
        "latitude" => validate::latitude(typed).map(drop),
        "longitude" => validate::longitude(typed).map(drop),
        "tags" => validate::tags(&typed.split(',').map(str::to_owned).collect::<Vec<_>>()).map(drop),
        "notes" => validate::notes(typed).map(drop),
        "check_interval_s" => validate::check_interval_s(typed).map(drop),
        _ => Ok(()),
    }
}

/// What a person calls a field: as its label says.
pub(super) fn label(field: &str) -> &str {
    match field {
        "name" => "Name",
        "host" => "Host",
        "port" => "Port",
        "database_name" => "Database",
        "username" => "User",
        "password" => "Password",
        "ssl_mode" => "Encryption",
        "ssl_root_cert" => "Own CA",
        "region" => "Region",
        "cloud_provider" => "Cloud provider",
        "latitude" => "Latitude",
        "longitude" => "Longitude",
        "tags" => "Tags",
        "notes" => "Notes",
        "check_interval_s" => "Check every",
        "paused" => "Paused",
        "let_sleep" => "Let it sleep",
        "allow_statements" => "Statements of yours",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use common::ConnectionDraft;

    use super::*;

    #[test]
    fn every_field_of_a_draft_has_a_label_and_the_rule_that_the_server_applies() {
        let wrong = ConnectionDraft {
            host: "https://x".to_owned(),
            port: "0".to_owned(),
            latitude: "91".to_owned(),
            longitude: "181".to_owned(),
            check_interval_s: "1".to_owned(),
            ssl_root_cert: "not PEM".to_owned(),
            ..ConnectionDraft::default()
        };
        let typed = |field: &str| match field {
            "host" => "https://x",
            "port" => "0",
            "latitude" => "91",
            "longitude" => "181",
            "check_interval_s" => "1",
            "ssl_root_cert" => "not PEM",
            _ => "",
        };
        let told = wrong.parse().unwrap_err();
        assert_eq!(told.len(), 8);
        for error in told {
            assert_ne!(label(&error.field), error.field);
            assert_eq!(fault(&error.field, typed(&error.field)), Some(error));
        }
    }
}
