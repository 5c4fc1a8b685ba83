//! Settings files under the fuzzer. See the library beside it.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    warehouse_sink_fuzz::settings(data);
});
