//! Every way to log in that the stores know of: keys in the environment and in files, and the identities of a container, a workload, and
//! an instance. What gives out credentials is a server of the test's own where it has to be, and checks what the real one
//! checks; what looks at them is the store.

mod azure;
mod gcs;
mod rotated;
mod s3;
mod wire;
mod world;
