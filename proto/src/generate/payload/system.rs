//! What happens to the app and its device.

use fastrand::Rng;

use super::user::screen;
use crate::generate::device::network;
use crate::generate::random::{chance, duration_ms, numbered, word};
use crate::wire::{
    AppBackground, AppCrash, AppForeground, AppStart, BatteryChange, BatteryState, MemoryWarning, MemoryWarningLevel,
    NetworkChange, PermissionRequest, PermissionResult, PermissionStatus,
};

const PERMISSIONS: &[&str] = &["notifications", "location", "camera", "contacts"];
const MEBIBYTE: i64 = 1 << 20;

pub(super) fn app_start(rng: &mut Rng) -> AppStart {
    let deeplink = chance(rng, 15);
    AppStart {
        is_cold_start: chance(rng, 60),
        launch_duration_ms: duration_ms(rng, 4_000),
        launch_source: if deeplink { "deeplink" } else { "icon" }.to_owned(),
        deeplink_url: if deeplink { numbered(rng, "app://product/", 4_000) } else { String::new() },
    }
}

pub(super) fn app_background(rng: &mut Rng) -> AppBackground {
    AppBackground { foreground_duration_ms: duration_ms(rng, 1_800_000), current_screen: screen(rng) }
}

pub(super) fn app_foreground(rng: &mut Rng) -> AppForeground {
    AppForeground { background_duration_ms: duration_ms(rng, 86_400_000), resume_screen: screen(rng) }
}

pub(super) fn app_crash(rng: &mut Rng) -> AppCrash {
    let stack_trace = (0..rng.u32(4..24)).map(|frame| stack_frame(rng, frame)).collect();
    AppCrash {
        crash_type: word(rng, &["SIGSEGV", "java.lang.NullPointerException", "watchdog"]),
        crash_message: word(rng, &["attempt to read from a null object", "no answer in 5 s"]),
        stack_trace,
        current_screen: screen(rng),
    }
}

fn stack_frame(rng: &mut Rng, frame: u32) -> String {
    let address = rng.u64(..1 << 47);
    format!("#{frame} 0x{address:012x} libapp.so render_{}+{}\n", rng.u8(..), rng.u8(..))
}

pub(super) fn network_change(rng: &mut Rng) -> NetworkChange {
    NetworkChange { previous_type: network(rng).into(), current_type: network(rng).into() }
}

pub(super) fn permission_request(rng: &mut Rng) -> PermissionRequest {
    PermissionRequest { permission_type: word(rng, PERMISSIONS), trigger_screen: screen(rng) }
}

pub(super) fn permission_result(rng: &mut Rng) -> PermissionResult {
    let status = match rng.u32(0..10) {
        0..6 => PermissionStatus::Granted,
        6..9 => PermissionStatus::Denied,
        _ => PermissionStatus::DeniedPermanently,
    };
    PermissionResult { permission_type: word(rng, PERMISSIONS), status: status.into() }
}

pub(super) fn memory_warning(rng: &mut Rng) -> MemoryWarning {
    let level = if chance(rng, 30) { MemoryWarningLevel::Critical } else { MemoryWarningLevel::Low };
    MemoryWarning {
        available_memory_bytes: rng.i64(8..120) * MEBIBYTE,
        used_memory_bytes: rng.i64(900..6_000) * MEBIBYTE,
        level: level.into(),
    }
}

pub(super) fn battery_change(rng: &mut Rng) -> BatteryChange {
    let battery_level = rng.i32(1..=100);
    let state = match (battery_level, chance(rng, 30)) {
        (100, _) => BatteryState::Full,
        (_, true) => BatteryState::Charging,
        (_, false) => BatteryState::Discharging,
    };
    BatteryChange { battery_level, state: state.into() }
}
