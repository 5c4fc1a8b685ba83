//! Which keys are taken.

use warehouse_sink_core::Failure;

use super::super::check;
use crate::store::Effect;

#[test]
fn a_key_stays_below_the_root() {
    for key in ["", "/a", "a/", "a//b", "a/../b", "..", "./a", "a/\0", " a", "a\n"] {
        let error = check(key).unwrap_err();
        assert_eq!(error.effect(), Effect::NotApplied(Failure::Permanent), "{key:?}");
    }
    for key in ["a.parquet", "events/app_id=a b/year=2024/..a..parquet"] {
        assert!(check(key).is_ok(), "{key:?}");
    }
}
