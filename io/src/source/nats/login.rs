//! How the sink says who it is. Files are read for each connection anew, so that a login that is replaced in its file is taken
//! up without a restart.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use async_nats::Auth;
use data_encoding::BASE64URL_NOPAD;
use nkeys::KeyPair;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A secret, and the setting that it comes from. It is never printed.
#[derive(Clone)]
pub struct Secret {
    setting: &'static str,
    source: Source,
}

#[derive(Clone)]
enum Source {
    Text(String),
    File(PathBuf),
}

impl Secret {
    /// A secret that stands in a setting itself.
    pub fn text(setting: &'static str, text: impl Into<String>) -> Self {
        Secret { setting, source: Source::Text(text.into()) }
    }

    /// A secret in a file that a setting names.
    pub fn file(setting: &'static str, path: impl Into<PathBuf>) -> Self {
        Secret { setting, source: Source::File(path.into()) }
    }

    fn read(&self) -> Result<String, LoginError> {
        match &self.source {
            Source::Text(text) => Ok(text.clone()),
            Source::File(path) => {
                read_secret(path).map_err(|what| LoginError::File { setting: self.setting, path: path.clone(), what })
            }
        }
    }
}

impl fmt::Display for Secret {
    /// Where it is, for those who have to mend it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.source {
            Source::Text(_) => f.write_str(self.setting),
            Source::File(path) => write!(f, "{} ({})", self.setting, path.display()),
        }
    }
}

/// The text of a file without the newline at its end, which editors and `echo` put there.
///
/// # Errors
///
/// When it can't be read, is not UTF-8, or is empty. The text says which, and holds nothing of the file.
pub fn read_secret(path: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))?;
    match text.trim_end_matches(['\r', '\n']) {
        "" => Err("is empty".to_owned()),
        text => Ok(text.to_owned()),
    }
}

/// How to log in.
#[derive(Clone, Default)]
pub enum Login {
    /// Not at all.
    #[default]
    Anonymous,
    /// As a user with a password.
    User {
        /// The user.
        name: String,
        /// The password.
        password: Secret,
    },
    /// With a token.
    Token(Secret),
    /// With an nkey, by its seed.
    Nkey(Secret),
    /// With a `.creds` file, which holds a JWT and the seed that goes with it.
    Credentials(PathBuf),
}

/// Why there is nothing to log in with.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// A file can't be used.
    #[error("{setting} ({path}): {what}", path = path.display())]
    File {
        /// The setting that names it.
        setting: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A seed is none.
    #[error("{place}: not the seed of a user's nkey, which begins with SU")]
    Seed {
        /// The setting, and the file if there is one.
        place: String,
    },
    /// The nonce could not be signed.
    #[error("the server's nonce could not be signed: {0}")]
    Sign(#[source] nkeys::error::Error),
}

const CREDENTIALS: &str = "nats.credentials_file";

impl Login {
    /// What the server is answered that gave this nonce.
    ///
    /// # Errors
    ///
    /// When a file can't be used or a seed is none.
    pub(crate) fn answer(&self, nonce: &[u8]) -> Result<Auth, LoginError> {
        let mut auth = Auth::new();
        match self {
            Login::Anonymous => {}
            Login::User { name, password } => {
                auth.username = Some(name.clone());
                auth.password = Some(password.read()?);
            }
            Login::Token(token) => auth.token = Some(token.read()?),
            Login::Nkey(seed) => {
                let key = key(&seed.read()?, seed)?;
                auth.signature = Some(key.sign(nonce).map_err(LoginError::Sign)?);
                auth.nkey = Some(key.public_key());
            }
            Login::Credentials(path) => {
                let Credentials { jwt, seed } = Credentials::read(path)?;
                let place = Secret::file(CREDENTIALS, path);
                auth.signature = Some(key(&seed, &place)?.sign(nonce).map_err(LoginError::Sign)?);
                auth.jwt = Some(jwt);
            }
        }
        Ok(auth)
    }

    /// Whether there is all that it takes, as far as can be told without a server.
    ///
    /// # Errors
    ///
    /// When a file can't be used or a seed is none.
    pub fn check(&self) -> Result<(), LoginError> {
        self.answer(b"nonce").map(drop)
    }

    /// What a server has refused, and what to look at.
    pub(super) fn refused(&self) -> String {
        match self {
            Login::Anonymous => "a connection without a login; set nats.username and nats.password, nats.token, \
                                 nats.nkey_seed or nats.credentials_file"
                .to_owned(),
            Login::User { name, password } if password.setting == "nats.url" => {
                format!("the user `{name}` or its password; check the login in nats.url")
            }
            Login::User { name, password } => {
                format!("the user `{name}` or its password; check nats.username and {password}")
            }
            Login::Token(token) => format!("the token; check {token}"),
            Login::Nkey(seed) => {
                let key = seed.read().and_then(|text| key(&text, seed));
                let public = key.map(|key| format!(" {}", key.public_key())).unwrap_or_default();
                format!("the nkey{public}; check {seed}, and that the server knows this key")
            }
            Login::Credentials(path) => refused_credentials(path),
        }
    }
}

fn refused_credentials(path: &Path) -> String {
    let file = path.display();
    let claims = Credentials::read(path).ok().and_then(|credentials| Claims::of(&credentials.jwt)).unwrap_or_default();
    let user = claims.user.map(|user| format!(" (user {user})")).unwrap_or_default();
    match claims.expires.filter(|time| *time <= SystemTime::now()) {
        Some(time) => {
            let time = time.format(&Rfc3339).unwrap_or_default();
            format!("the credentials in {file}{user}, which expired at {time}; put new ones into {CREDENTIALS}")
        }
        None => format!(
            "the credentials in {file}{user}; check {CREDENTIALS}: they may be of another operator or account, or revoked"
        ),
    }
}

fn key(seed: &str, place: &Secret) -> Result<KeyPair, LoginError> {
    let key = KeyPair::from_seed(seed).ok().filter(|_| seed.starts_with("SU"));
    key.ok_or_else(|| LoginError::Seed { place: place.to_string() })
}

/// What stands in a `.creds` file.
struct Credentials {
    jwt: String,
    seed: String,
}

impl Credentials {
    fn read(path: &Path) -> Result<Self, LoginError> {
        let refused = |what| LoginError::File { setting: CREDENTIALS, path: path.to_owned(), what };
        let text = read_secret(path).map_err(refused)?;
        let [jwt, seed] = ["NATS USER JWT", "USER NKEY SEED"].map(|kind| {
            let found = block(&text, kind);
            found.ok_or_else(|| refused(format!("has no line after -----BEGIN {kind}-----")))
        });
        Ok(Credentials { jwt: jwt?.to_owned(), seed: seed?.to_owned() })
    }
}

/// The line after the one that begins a block of this kind.
fn block<'t>(text: &'t str, kind: &str) -> Option<&'t str> {
    let begin = format!("-----BEGIN {kind}-----");
    text.lines().map(str::trim).skip_while(|line| *line != begin).nth(1).filter(|line| !line.is_empty())
}

/// What a JWT says of itself, unproven.
#[derive(Default)]
struct Claims {
    user: Option<String>,
    expires: Option<OffsetDateTime>,
}

impl Claims {
    fn of(jwt: &str) -> Option<Self> {
        let claims = BASE64URL_NOPAD.decode(jwt.split('.').nth(1)?.as_bytes()).ok()?;
        let claims: serde_json::Value = serde_json::from_slice(&claims).ok()?;
        // A public key is no secret, and nothing else of the text is shown.
        let user = claims["sub"].as_str().filter(|key| KeyPair::from_public_key(key).is_ok());
        let expires = claims["exp"].as_i64().and_then(|time| OffsetDateTime::from_unix_timestamp(time).ok());
        Some(Claims { user: user.map(str::to_owned), expires })
    }
}

impl fmt::Debug for Login {
    /// The kind, never what it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Login::Anonymous => "Anonymous",
            Login::User { .. } => "User",
            Login::Token(_) => "Token",
            Login::Nkey(_) => "Nkey",
            Login::Credentials(_) => "Credentials",
        })
    }
}

#[cfg(test)]
mod tests;
