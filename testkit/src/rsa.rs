//! An RSA key as an issuer of tokens has it.

use std::process::Command;

use serde_json::Value;

use crate::tools::tool;

/// Makes a key, or signs claims with one, or checks a token against it.
const SCRIPT: &str = "
const crypto = require('crypto');
const [action, pem, text] = process.argv.slice(1);
const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
if (action === 'make') {
  const { privateKey } = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 });
  const jwk = crypto.createPublicKey(privateKey).export({ format: 'jwk' });
  const keys = [{ ...jwk, kid: 'testkit', alg: 'RS256', use: 'sig' }];
  console.log(JSON.stringify({ pem: privateKey.export({ type: 'pkcs8', format: 'pem' }), jwks: { keys } }));
} else if (action === 'sign') {
  const signed = encode({ alg: 'RS256', typ: 'JWT', kid: 'testkit' }) + '.' + encode(JSON.parse(text));
  console.log(JSON.stringify(signed + '.' + crypto.sign('sha256', Buffer.from(signed), pem).toString('base64url')));
} else {
  const [head, claims, signature] = text.split('.');
  const known = crypto.createPublicKey(pem);
  const ours = crypto.verify('sha256', Buffer.from(head + '.' + claims), known, Buffer.from(signature, 'base64url'));
  console.log(ours ? Buffer.from(claims, 'base64url').toString() : 'null');
}
";

/// A key, made and used by Node.js, which comes with the tools.
#[derive(Clone, Debug)]
pub struct RsaKey {
    pem: String,
    jwks: Value,
}

impl Default for RsaKey {
    fn default() -> Self {
        Self::new()
    }
}

impl RsaKey {
    /// Makes a key.
    ///
    /// # Panics
    ///
    /// When the tools are missing.
    #[must_use]
    #[track_caller]
    pub fn new() -> Self {
        let made = node(&["make"]);
        Self { pem: made["pem"].as_str().unwrap_or_default().to_owned(), jwks: made["jwks"].clone() }
    }

    /// The private key, as PKCS #8 in PEM.
    #[must_use]
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The public key, as a set of JSON Web Keys.
    #[must_use]
    pub fn jwks(&self) -> &Value {
        &self.jwks
    }

    /// A token (JWT, RS256) with these claims.
    ///
    /// # Panics
    ///
    /// When it can't be signed.
    #[must_use]
    #[track_caller]
    pub fn sign(&self, claims: &Value) -> String {
        node(&["sign", &self.pem, &claims.to_string()]).as_str().unwrap_or_default().to_owned()
    }

    /// The claims of a token that this key has signed; null when another has.
    ///
    /// # Panics
    ///
    /// When it is no token.
    #[must_use]
    #[track_caller]
    pub fn claims(&self, token: &str) -> Value {
        node(&["verify", &self.pem, token])
    }
}

#[track_caller]
fn node(arguments: &[&str]) -> Value {
    let output = Command::new(tool("node")).args(["-e", SCRIPT, "--"]).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("cannot run node: {error}"));
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("no JSON ({error}): {}", String::from_utf8_lossy(&output.stderr)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_is_known_by_the_key_that_signed_it() {
        let [ours, foreign] = [RsaKey::new(), RsaKey::new()];
        let claims = json!({ "sub": "sink" });
        let token = ours.sign(&claims);
        assert_eq!(ours.claims(&token), claims);
        assert_eq!(foreign.claims(&token), Value::Null);
    }
}
