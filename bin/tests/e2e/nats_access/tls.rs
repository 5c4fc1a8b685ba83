//! Encryption: whom one trusts, and whom the server does.

use std::path::Path;

use warehouse_sink_testkit::{Authority, Certificate, Settings};

use super::{Door, refused};

fn server_tls(server: &Certificate, more: &str) -> String {
    format!("tls {{ cert_file: {:?}, key_file: {:?}, {more} }}", server.certificate, server.key)
}

fn trusting(settings: &Settings, authority: &Authority) -> Settings {
    settings.clone().set("nats", "tls_ca_file", authority.file().to_string_lossy())
}

fn with_client(settings: &Settings, client: &Certificate) -> Settings {
    let path = |path: &Path| path.to_string_lossy().into_owned();
    settings.clone().set("nats", "tls_cert_file", path(&client.certificate)).set(
        "nats",
        "tls_key_file",
        path(&client.key),
    )
}

#[test]
fn an_authority_of_ones_own() {
    let [authority, stranger] = ["ours", "theirs"].map(Authority::new);
    let door = Door::closed("", &server_tls(&authority.server(), ""));
    let server = door.nats.url().replace("nats:", "tls:");
    let settings = door.settings().set("nats", "url", server.clone());
    let file = stranger.file().to_string_lossy().into_owned();
    refused(&trusting(&settings, &stranger), &[&server, "an authority that is not in nats.tls_ca_file", &file]);
    refused(&settings, &[&server, "that this system does not trust; set nats.tls_ca_file"]);
    let right = trusting(&settings, &authority).set("nats", "tls_required", true);
    door.opens_to(&right);
}

#[test]
fn a_server_without_tls_is_refused_by_a_sink_that_demands_it() {
    let door = Door::filled("");
    let server = door.nats.url();
    refused(
        &door.settings().set("nats", "tls_required", true),
        &[&server, "does not speak TLS, which nats.tls_required or a tls:// in nats.url demands"],
    );
}

#[test]
fn certificates_on_both_sides() {
    let [authority, stranger] = ["ours", "theirs"].map(Authority::new);
    let verify = format!("ca_file: {:?}, verify: true", authority.file());
    let door = Door::closed("", &server_tls(&authority.server(), &verify));
    let server = door.nats.url();
    let settings = trusting(&door.settings(), &authority);
    refused(&settings, &[&server, "if it demands a client certificate, set nats.tls_cert_file and nats.tls_key_file"]);
    refused(
        &with_client(&settings, &stranger.client()),
        &[&server, "it does not trust nats.tls_cert_file", "client.pem"],
    );
    let right = with_client(&settings, &authority.client());
    door.opens_to(&right);
}
