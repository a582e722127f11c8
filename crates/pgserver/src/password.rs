//! Random passwords for the database roles that we make.

use rand::Rng;
use rand::distr::Alphanumeric;
use secrecy::SecretString;

/// 32 letters and digits (190 bits): needs no quoting in SQL, a URL or a shell.
pub fn random_password() -> SecretString {
    rand::rng().sample_iter(Alphanumeric).take(32).map(char::from).collect::<String>().into()
}
