//! Users and the screens that they see.

use std::collections::BTreeMap;

use fastrand::Rng;

use crate::generate::random::{chance, duration_ms, numbered, word};
use crate::wire::{ScreenExit, ScreenView, UserLogin, UserLogout, UserProfileUpdate, UserSignup};

const SCREENS: &[&str] =
    &["home", "search", "product_detail", "cart", "checkout", "profile", "settings", "orders", "login"];
const METHODS: &[&str] = &["password", "google", "apple", "magic_link"];
const PROFILE_FIELDS: &[&str] = &["name", "avatar", "email", "phone", "address"];

pub(super) fn screen(rng: &mut Rng) -> String {
    word(rng, SCREENS)
}

fn user_id(rng: &mut Rng) -> String {
    numbered(rng, "user-", 50_000)
}

pub(super) fn screen_view(rng: &mut Rng) -> ScreenView {
    let mut params = BTreeMap::new();
    if chance(rng, 25) {
        params.insert(String::from("tab"), word(rng, &["for_you", "new", "sale"]));
    }
    if chance(rng, 10) {
        params.insert(String::from("query"), word(rng, &["shoes", "grüne jacke", "tea & cups", "\"sale\""]));
    }
    let screen_name = screen(rng);
    ScreenView { screen_class: format!("{screen_name}_screen"), screen_name, previous_screen: screen(rng), params }
}

pub(super) fn screen_exit(rng: &mut Rng) -> ScreenExit {
    ScreenExit { screen_name: screen(rng), duration_ms: duration_ms(rng, 300_000), next_screen: screen(rng) }
}

pub(super) fn login(rng: &mut Rng) -> UserLogin {
    UserLogin { user_id: user_id(rng), method: word(rng, METHODS), is_new_user: chance(rng, 8) }
}

pub(super) fn logout(rng: &mut Rng) -> UserLogout {
    UserLogout { user_id: user_id(rng), reason: word(rng, &["user", "session_expired", "account_switch"]) }
}

pub(super) fn signup(rng: &mut Rng) -> UserSignup {
    let referral_source = word(rng, &["", "friend", "search_ad", "app_store"]);
    UserSignup { user_id: user_id(rng), method: word(rng, METHODS), referral_source }
}

pub(super) fn profile_update(rng: &mut Rng) -> UserProfileUpdate {
    let fields_updated = PROFILE_FIELDS.iter().filter(|_| chance(rng, 40)).map(|field| String::from(*field)).collect();
    UserProfileUpdate { user_id: user_id(rng), fields_updated }
}
