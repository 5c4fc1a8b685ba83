//! Any schema under the fuzzer. See the library beside it.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    warehouse_sink_fuzz::any_schema(data);
});
