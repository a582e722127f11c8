//! A connection on its way in: first as typed ([`ConnectionDraft`]), then valid ([`ConnectionInput`]).
//!
//! Forms, server functions and REST all come through here, so that they refuse the same things with the same
//! words, all fields together.

use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{
    Connection, FieldError, RequestSecret, SslMode,
    validate::{self, Fault},
};

/// What a person typed, as typed: all fields are text until [`ConnectionDraft::parse`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default)]
pub struct ConnectionDraft {
    pub name: String,
    pub host: String,
    pub port: String,
    pub database_name: String,
    pub username: String,
    /// Empty: keep the stored one (or none, when new).
    pub password: RequestSecret,
    pub remove_password: bool,
    pub ssl_mode: String,
    pub ssl_root_cert: String,
    pub region: String,
    pub cloud_provider: String,
    pub latitude: String,
    pub longitude: String,
    /// Separated by commas.
    pub tags: String,
    pub notes: String,
    pub check_interval_s: String,
    pub paused: bool,
    pub let_sleep: bool,
    /// Statements that are not the dashboard's own may be planned and run there.
    pub allow_statements: bool,
    /// The version that the person saw.
    pub version: Option<i32>,
}

impl Default for ConnectionDraft {
    fn default() -> Self {
        Self {
            name: String::new(),
            host: String::new(),
            port: "5432".to_owned(),
            database_name: String::new(),
            username: String::new(),
            password: RequestSecret::default(),
            remove_password: false,
            ssl_mode: SslMode::Auto.to_string(),
            ssl_root_cert: String::new(),
            region: String::new(),
            cloud_provider: String::new(),
            latitude: String::new(),
            longitude: String::new(),
            tags: String::new(),
            notes: String::new(),
            check_interval_s: "60".to_owned(),
            paused: false,
            let_sleep: false,
            allow_statements: false,
            version: None,
        }
    }
}

/// What happens to the stored password.
#[derive(Debug, Clone)]
pub enum PasswordChange {
    Keep,
    Remove,
    Set(RequestSecret),
}

/// A connection whose every field is valid. Only [`ConnectionDraft::parse`] and [`ConnectionInput::from_json`] make one.
#[derive(Debug, Clone)]
pub struct ConnectionInput {
    /// `None`: `database@host`.
    pub name: Option<String>,
    pub host: String,
    pub port: u16,
    pub database_name: String,
    pub username: String,
    pub password: PasswordChange,
    pub ssl_mode: SslMode,
    pub ssl_root_cert: Option<String>,
    pub region: Option<String>,
    pub cloud_provider: Option<String>,
    /// Latitude and longitude in degrees: both or none.
    pub place: Option<(f64, f64)>,
    pub tags: Vec<String>,
    pub notes: String,
    pub check_interval_s: i32,
    pub paused: bool,
    pub let_sleep: bool,
    pub allow_statements: bool,
    /// The version that the change was made from.
    pub version: Option<i32>,
    /// Whether to test at once after a create.
    pub test: bool,
}

impl ConnectionInput {
    /// The name that a connection without one gets.
    pub fn default_name(&self) -> String {
        format!("{}@{}", self.database_name, self.host).chars().take(validate::MAX_NAME).collect()
    }

    /// Reads the body of `POST /api/db/connections` or `PUT …/{id}`. Wrong types, unknown fields and broken rules
    /// are told together.
    pub fn from_json(body: &Value) -> Result<Self, Vec<FieldError>> {
        let mut reader = JsonReader::of(body)?;
        let (draft, test) = reader.read();
        reader.finish(draft.parse().map(|input| Self { test, ..input }))
    }
}

impl ConnectionDraft {
    /// The draft that an edit form starts from. The password stays where it is.
    pub fn from_connection(connection: &Connection) -> Self {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        let degrees = |value: Option<f64>| value.map(|degrees| degrees.to_string()).unwrap_or_default();
        Self {
            name: connection.name.clone(),
            host: connection.host.clone(),
            port: connection.port.to_string(),
            database_name: connection.database_name.clone(),
            username: connection.username.clone(),
            password: RequestSecret::default(),
            remove_password: false,
            ssl_mode: connection.ssl_mode.to_string(),
            ssl_root_cert: text(&connection.ssl_root_cert),
            region: text(&connection.region),
            cloud_provider: text(&connection.cloud_provider),
            latitude: degrees(connection.latitude),
            longitude: degrees(connection.longitude),
            tags: connection.tags.join(", "),
            notes: connection.notes.clone(),
            check_interval_s: connection.check_interval_s.to_string(),
            paused: connection.paused,
            let_sleep: connection.let_sleep,
            allow_statements: connection.allow_statements,
            version: Some(connection.version),
        }
    }

    /// Every field by its rule in [`validate`]; what is wrong is told for all fields together.
    pub fn parse(&self) -> Result<ConnectionInput, Vec<FieldError>> {
        let mut faults = Faults::default();
        let tags: Vec<String> = self.tags.split(',').map(str::to_owned).collect();

        let name = faults.keep("name", validate::name(&self.name));
        let host = faults.keep("host", validate::host(&self.host));
        let port = faults.keep("port", validate::port(&self.port));
        let database_name = faults.keep("database_name", validate::database_name(&self.database_name));
        let username = faults.keep("username", validate::username(&self.username));
        let password = faults.keep("password", validate::password(self.password.as_secret().expose_secret()));
        let ssl_mode = faults.keep("ssl_mode", validate::ssl_mode(&self.ssl_mode));
        let ssl_root_cert = faults.keep("ssl_root_cert", validate::ssl_root_cert(&self.ssl_root_cert));
        let region = faults.keep("region", validate::region(&self.region));
        let cloud_provider = faults.keep("cloud_provider", validate::cloud_provider(&self.cloud_provider));
        let latitude = faults.keep("latitude", validate::latitude(&self.latitude));
        let longitude = faults.keep("longitude", validate::longitude(&self.longitude));
        let place = match (latitude.flatten(), longitude.flatten()) {
            (Some(latitude), Some(longitude)) => Some((latitude, longitude)),
            (Some(_), None) if self.longitude.trim().is_empty() => {
                faults.add("longitude", Fault::new("required", "Latitude and longitude go together."));
                None
            }
            (None, Some(_)) if self.latitude.trim().is_empty() => {
                faults.add("latitude", Fault::new("required", "Latitude and longitude go together."));
                None
            }
            _ => None,
        };
        let tags = faults.keep("tags", validate::tags(&tags));
        let notes = faults.keep("notes", validate::notes(&self.notes));
        let check_interval_s =
            faults.keep("check_interval_s", validate::check_interval_s(&self.check_interval_s));

        match (name, host, port, database_name, username, password, ssl_mode, ssl_root_cert) {
            (
                Some(name),
                Some(host),
                Some(port),
                Some(database_name),
                Some(username),
                Some(()),
                Some(ssl_mode),
                Some(ssl_root_cert),
            ) if faults.0.is_empty() => Ok(ConnectionInput {
                name,
                host,
                port,
                database_name,
                username,
                password: self.password_change(),
                ssl_mode,
                ssl_root_cert,
                region: region.flatten(),
                cloud_provider: cloud_provider.flatten(),
                place,
                tags: tags.unwrap_or_default(),
                notes: notes.unwrap_or_default(),
                check_interval_s: check_interval_s.unwrap_or(60),
                paused: self.paused,
                let_sleep: self.let_sleep,
                allow_statements: self.allow_statements,
                version: self.version,
                test: true,
            }),
            _ => Err(faults.0),
        }
    }

    fn password_change(&self) -> PasswordChange {
        if !self.password.is_empty() {
            PasswordChange::Set(self.password.clone())
        } else if self.remove_password {
            PasswordChange::Remove
        } else {
            PasswordChange::Keep
        }
    }
}

#[derive(Default)]
struct Faults(Vec<FieldError>);

impl Faults {
    fn add(&mut self, field: &str, fault: Fault) {
        self.0.push(FieldError::new(field, fault.code, fault.message));
    }

    fn keep<T>(&mut self, field: &str, outcome: Result<T, Fault>) -> Option<T> {
        outcome.map_err(|fault| self.add(field, fault)).ok()
    }
}

/// Takes the known fields out of a JSON object, by their types; what is left over is unknown.
pub(crate) struct JsonReader {
    object: Map<String, Value>,
    errors: Vec<FieldError>,
}

impl JsonReader {
    pub(crate) fn of(body: &Value) -> Result<Self, Vec<FieldError>> {
        let Value::Object(object) = body else {
            return Err(vec![FieldError::new("", "type", "The body must be a JSON object.")]);
        };
        Ok(Self { object: object.clone(), errors: Vec::new() })
    }

    /// What was made of the fields by their rules, unless there was more wrong: then all of it together.
    pub(crate) fn finish<T>(self, ruled: Result<T, Vec<FieldError>>) -> Result<T, Vec<FieldError>> {
        let Self { object: unknown, mut errors } = self;
        errors.extend(unknown.keys().map(|name| {
            let shown = crate::text::clean(name, 60);
            FieldError::new(shown, "unknown", "There is no such field.")
        }));
        match ruled {
            Ok(value) if errors.is_empty() => Ok(value),
            Ok(_) => Err(errors),
            Err(rules) => {
                // A field of the wrong type was left at its default: what the rules say of that is noise.
                let told: Vec<String> = errors.iter().map(|error| error.field.clone()).collect();
                errors.extend(rules.into_iter().filter(|rule| !told.contains(&rule.field)));
                Err(errors)
            }
        }
    }

    fn read(&mut self) -> (ConnectionDraft, bool) {
        let defaults = ConnectionDraft::default();
        let password = self.text("password");
        let draft = ConnectionDraft {
            name: self.text("name").unwrap_or_default(),
            host: self.text("host").unwrap_or_default(),
            port: self.integer("port").map_or(defaults.port, |port| port.to_string()),
            database_name: self.text("database_name").unwrap_or_default(),
            username: self.text("username").unwrap_or_default(),
            remove_password: password.as_deref() == Some(""),
            password: RequestSecret::new(password.unwrap_or_default()),
            ssl_mode: self.text("ssl_mode").unwrap_or(defaults.ssl_mode),
            ssl_root_cert: self.text("ssl_root_cert").unwrap_or_default(),
            region: self.text("region").unwrap_or_default(),
            cloud_provider: self.text("cloud_provider").unwrap_or_default(),
            latitude: self.number("latitude").map(|degrees| degrees.to_string()).unwrap_or_default(),
            longitude: self.number("longitude").map(|degrees| degrees.to_string()).unwrap_or_default(),
            tags: self.tags(),
            notes: self.text("notes").unwrap_or_default(),
            check_interval_s: self
                .integer("check_interval_s")
                .map_or(defaults.check_interval_s, |seconds| seconds.to_string()),
            paused: self.flag("paused").unwrap_or(false),
            let_sleep: self.flag("let_sleep").unwrap_or(false),
            allow_statements: self.flag("allow_statements").unwrap_or(false),
            version: self.version(),
        };
        let test = self.flag("test").unwrap_or(true);
        self.refuse_later("ssl_cert", "Client certificates are not offered yet. Leave this out.");
        self.refuse_later("ssl_key", "Client certificates are not offered yet. Leave this out.");
        self.refuse_later("pinned", "Pinning is not offered yet. Leave this out.");
        (draft, test)
    }

    fn take(&mut self, field: &str) -> Option<Value> {
        self.object.remove(field).filter(|value| !value.is_null())
    }

    fn fault(&mut self, field: &str, code: &str, message: &str) {
        self.errors.push(FieldError::new(field, code, message));
    }

    pub(crate) fn text(&mut self, field: &str) -> Option<String> {
        match self.take(field)? {
            Value::String(text) => Some(text),
            _ => {
                self.fault(field, "type", "Must be a text.");
                None
            }
        }
    }

    pub(crate) fn number(&mut self, field: &str) -> Option<f64> {
        let number = self.take(field)?.as_f64();
        if number.is_none() {
            self.fault(field, "type", "Must be a number.");
        }
        number
    }

    pub(crate) fn integer(&mut self, field: &str) -> Option<i64> {
        let number = self.take(field)?.as_i64();
        if number.is_none() {
            self.fault(field, "type", "Must be a whole number.");
        }
        number
    }

    fn version(&mut self) -> Option<i32> {
        let number = self.integer("version")?;
        let version = i32::try_from(number).ok().filter(|version| *version > 0);
        if version.is_none() {
            self.fault("version", "range", "Must be a version that the server sent.");
        }
        version
    }

    fn flag(&mut self, field: &str) -> Option<bool> {
        let flag = self.take(field)?.as_bool();
        if flag.is_none() {
            self.fault(field, "type", "Must be true or false.");
        }
        flag
    }

    fn tags(&mut self) -> String {
        let Some(value) = self.take("tags") else { return String::new() };
        let tags: Option<Vec<String>> = value
            .as_array()
            .and_then(|items| items.iter().map(|item| item.as_str().map(str::to_owned)).collect());
        match tags {
            None => self.fault("tags", "type", "Must be a list of texts."),
            Some(tags) if tags.iter().any(|tag| tag.contains(',')) => {
                self.fault("tags", "characters", "A tag cannot contain a comma.");
            }
            Some(tags) => return tags.join(","),
        }
        String::new()
    }

    fn refuse_later(&mut self, field: &str, message: &str) {
        if let Some(value) = self.take(field)
            && value.as_array().is_none_or(|items| !items.is_empty())
        {
            self.fault(field, "not_offered", message);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn errors_of(body: Value) -> Vec<(String, String)> {
        let errors = ConnectionInput::from_json(&body).expect_err("should be refused");
        errors.into_iter().map(|error| (error.field, error.code)).collect()
    }

    fn pair(field: &str, code: &str) -> (String, String) {
        (field.to_owned(), code.to_owned())
    }

    #[test]
    fn the_least_body_gets_the_defaults() {
        let input =
            ConnectionInput::from_json(&json!({"host": "h", "database_name": "d", "username": "u"})).unwrap();
        assert_eq!(
            (input.port, input.ssl_mode, input.check_interval_s, input.test),
            (5432, SslMode::Auto, 60, true)
        );
        assert_eq!(input.default_name(), "d@h");
        assert!(matches!(input.password, PasswordChange::Keep));
    }

    #[test]
    fn wrong_types_rules_and_unknown_fields_are_told_together() {
        let errors =
            errors_of(json!({"host": 5, "port": 70000, "username": "u", "colour": "red", "tags": "a"}));
        assert_eq!(
            errors,
            [
                pair("host", "type"),
                pair("tags", "type"),
                pair("colour", "unknown"),
                pair("port", "range"),
                pair("database_name", "required"),
            ]
        );
    }

    #[test]
    fn what_a_later_release_brings_is_refused_on_its_field() {
        let errors =
            errors_of(json!({"host": "h", "database_name": "d", "username": "u", "ssl_mode": "verify-ca",
            "ssl_key": "x", "ssl_cert": "x", "pinned": ["ab"]}));
        assert_eq!(
            errors,
            [
                pair("ssl_cert", "not_offered"),
                pair("ssl_key", "not_offered"),
                pair("pinned", "not_offered"),
                pair("ssl_mode", "not_offered"),
            ]
        );
    }

    #[test]
    fn an_empty_password_removes_and_a_missing_one_keeps() {
        let base = json!({"host": "h", "database_name": "d", "username": "u"});
        let with = |password: Value| {
            let mut body = base.clone();
            body["password"] = password;
            ConnectionInput::from_json(&body).unwrap().password
        };
        assert!(matches!(with(json!("")), PasswordChange::Remove));
        assert!(matches!(with(Value::Null), PasswordChange::Keep));
        assert!(matches!(with(json!("x")), PasswordChange::Set(_)));
    }

    #[test]
    fn a_place_needs_both_coordinates() {
        let errors =
            errors_of(json!({"host": "h", "database_name": "d", "username": "u", "latitude": 53.35}));
        assert_eq!(errors, [pair("longitude", "required")]);
    }

    #[test]
    fn a_password_never_prints() {
        let draft = ConnectionDraft { password: RequestSecret::new("hunter2"), ..Default::default() };
        assert!(!format!("{draft:?}").contains("hunter2"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_parsing_panic(text in ".{0,200}", port in ".{0,8}") {
            let draft = ConnectionDraft { name: text.clone(), host: text.clone(), port, tags: text.clone(),
                notes: text.clone(), database_name: text.clone(), username: text, ..Default::default() };
            let _ = draft.parse();
        }
    }
}
