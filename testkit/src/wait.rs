//! Waiting for a condition, never for a time.

use std::thread;
use std::time::{Duration, Instant};

/// How often a condition is looked at.
const PAUSE: Duration = Duration::from_millis(20);

/// Waits until the condition holds; looks at it every 20 ms.
///
/// # Panics
///
/// When the deadline passes first. The text says what was waited for and how long.
#[track_caller]
pub fn wait_until(deadline: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < deadline, "waited {:.1?} in vain for {what}", start.elapsed());
        thread::sleep(PAUSE);
    }
}

/// Waits until the function has a value; asks it every 20 ms. The last refusal is told when time runs out.
///
/// # Panics
///
/// When the deadline passes first.
#[track_caller]
pub(crate) fn wait_for<T>(deadline: Duration, what: &str, mut attempt: impl FnMut() -> Result<T, String>) -> T {
    let start = Instant::now();
    loop {
        match attempt() {
            Ok(value) => return value,
            Err(reason) => {
                assert!(start.elapsed() < deadline, "waited {:.1?} in vain for {what}: {reason}", start.elapsed());
            }
        }
        thread::sleep(PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_as_soon_as_the_condition_holds() {
        let mut asked = 0;
        wait_until(Duration::from_secs(5), "the third look", || {
            asked += 1;
            asked == 3
        });
        assert_eq!(asked, 3);
    }

    #[test]
    #[should_panic(expected = "in vain for the moon")]
    fn says_what_it_waited_for() {
        wait_until(Duration::from_millis(30), "the moon", || false);
    }
}
