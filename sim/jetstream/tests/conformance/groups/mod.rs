//! What JetStream does: a test for each group, a function for each scenario.

mod clients;
mod delays;
mod deleted;
mod edited;
mod limits;
mod pulls;
mod recreated;
mod refused;
mod restarts;
mod settling;

/// A test of scenarios on a shared server, or each on its own.
macro_rules! holds {
    ($test:ident, own_servers: $own:literal, [$($scenario:ident),* $(,)?]) => {
        #[test]
        fn $test() {
            $crate::same_on_both($own, &[$((stringify!($scenario), $scenario)),*]);
        }
    };
}

pub(crate) use holds;
