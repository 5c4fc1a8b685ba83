//! Plausible devices.

use fastrand::Rng;

use super::random::{chance, pick, uuid, word};
use crate::wire::{DeviceContext, NetworkType, Platform};

/// A device of the market: what its context always says.
#[derive(Clone, Copy, Debug)]
struct Model {
    platform: Platform,
    manufacturer: &'static str,
    name: &'static str,
    os_versions: &'static [&'static str],
    screen: (i32, i32),
}

const IOS: &[&str] = &["16.7.8", "17.5.1", "17.6", "18.0.1", "18.1"];
const ANDROID: &[&str] = &["11", "12", "13", "14", "15"];
const BROWSER: &[&str] = &["10.0", "10.15.7", "11.0", "14.6"];

const fn model(platform: Platform, manufacturer: &'static str, name: &'static str, screen: (i32, i32)) -> Model {
    let os_versions = match platform {
        Platform::Ios => IOS,
        Platform::Android => ANDROID,
        Platform::Web | Platform::Unspecified => BROWSER,
    };
    Model { platform, manufacturer, name, os_versions, screen }
}

const MODELS: &[Model] = &[
    model(Platform::Ios, "Apple", "iPhone15,2", (1179, 2556)),
    model(Platform::Ios, "Apple", "iPhone14,5", (1170, 2532)),
    model(Platform::Ios, "Apple", "iPhone17,1", (1206, 2622)),
    model(Platform::Ios, "Apple", "iPad13,4", (1668, 2388)),
    model(Platform::Android, "Samsung", "SM-S921B", (1080, 2340)),
    model(Platform::Android, "Samsung", "SM-A546B", (1080, 2340)),
    model(Platform::Android, "Google", "Pixel 8", (1080, 2400)),
    model(Platform::Android, "Xiaomi", "2311DRK48G", (1220, 2712)),
    model(Platform::Android, "OnePlus", "CPH2581", (1440, 3168)),
    model(Platform::Web, "", "Chrome 130", (1920, 1080)),
    model(Platform::Web, "", "Firefox 132", (2560, 1440)),
];

/// Where a device is at home: locale, time zone, mobile network operators.
const REGIONS: &[(&str, &str, &[&str])] = &[
    ("en_US", "America/New_York", &["Verizon", "T-Mobile", "AT&T"]),
    ("en_GB", "Europe/London", &["EE", "Vodafone UK", "O2"]),
    ("de_DE", "Europe/Berlin", &["Telekom.de", "Vodafone.de", "o2-de"]),
    ("fr_FR", "Europe/Paris", &["Orange F", "SFR", "Bouygues"]),
    ("ja_JP", "Asia/Tokyo", &["NTT DOCOMO", "SoftBank", "KDDI"]),
    ("pt_BR", "America/Sao_Paulo", &["Claro BR", "VIVO", "TIM"]),
];

const APP_VERSIONS: &[(&str, &str)] =
    &[("3.8.2", "3820"), ("3.9.0", "3900"), ("3.9.1", "3912"), ("4.0.0", "4003"), ("4.1.0-beta.2", "4099")];

/// A device with one app on it. All but its network stays the same from event to event.
#[derive(Clone, Debug)]
pub(super) struct Device {
    pub(super) app_id: String,
    pub(super) id: String,
    context: DeviceContext,
}

impl Device {
    pub(super) fn new(rng: &mut Rng, app_id: &str) -> Self {
        Self { app_id: app_id.to_owned(), id: uuid(rng), context: context(rng) }
    }

    /// The context of one event.
    pub(super) fn context(&self, rng: &mut Rng) -> DeviceContext {
        DeviceContext { network_type: network(rng).into(), ..self.context.clone() }
    }
}

fn context(rng: &mut Rng) -> DeviceContext {
    let Some(model) = pick(rng, MODELS) else {
        return DeviceContext::default();
    };
    let (locale, timezone, carriers) = pick(rng, REGIONS).copied().unwrap_or_default();
    let (app_version, build_number) = pick(rng, APP_VERSIONS).copied().unwrap_or_default();
    let mobile = model.platform != Platform::Web;
    DeviceContext {
        platform: model.platform.into(),
        os_version: word(rng, model.os_versions),
        app_version: app_version.to_owned(),
        build_number: build_number.to_owned(),
        device_model: model.name.to_owned(),
        manufacturer: model.manufacturer.to_owned(),
        screen_width: model.screen.0,
        screen_height: model.screen.1,
        locale: locale.to_owned(),
        timezone: timezone.to_owned(),
        network_type: NetworkType::Unspecified.into(),
        carrier: if mobile { word(rng, carriers) } else { String::new() },
        is_jailbroken: mobile && chance(rng, 1),
        is_emulator: mobile && chance(rng, 2),
        sdk_version: word(rng, &["2.3.0", "2.4.1"]),
    }
}

pub(super) fn network(rng: &mut Rng) -> NetworkType {
    match rng.u32(0..100) {
        0..55 => NetworkType::Wifi,
        55..75 => NetworkType::Cellular4g,
        75..92 => NetworkType::Cellular5g,
        92..95 => NetworkType::Cellular3g,
        95 => NetworkType::Cellular2g,
        96..98 => NetworkType::Ethernet,
        98 => NetworkType::Offline,
        _ => NetworkType::Unspecified,
    }
}
