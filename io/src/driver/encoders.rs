//! The threads that encode.
//!
//! There are as many as processors, and they yield to all others of the process: while rows wait to be encoded nothing is lost, but while fetchers
//! and the settler wait for a processor the server has nothing to do. Once the buffers are full nothing is fetched, and the encoders have the
//! processors to themselves.

use tokio::task::JoinHandle;

/// Runs what only computes. Clones share the threads, which end with the last of them.
#[derive(Clone)]
pub(super) struct Encoders {
    #[cfg(not(madsim))]
    threads: std::sync::Arc<threads::Threads>,
}

#[cfg(madsim)]
impl Encoders {
    pub fn new() -> Self {
        Encoders {}
    }

    #[expect(deprecated, reason = "the simulator has one thread: encoding is a task like any other there")]
    pub fn run<R: Send + 'static>(&self, work: impl FnOnce() -> R + Send + 'static) -> JoinHandle<R> {
        tokio::task::spawn_blocking(work)
    }
}

#[cfg(not(madsim))]
impl Encoders {
    /// Threads that are started when there is work for them.
    pub fn new() -> Self {
        Encoders { threads: threads::Threads::new().into() }
    }

    /// Runs this on one of the threads, after what came before it. Aborting the task takes it back unless it has begun.
    pub fn run<R: Send + 'static>(&self, work: impl FnOnce() -> R + Send + 'static) -> JoinHandle<R> {
        self.threads.handle().spawn_blocking(work)
    }
}

#[cfg(not(madsim))]
mod threads {
    use std::num::NonZeroUsize;
    use std::thread::available_parallelism;

    use tokio::runtime::{Builder, Handle, Runtime};

    /// How much nicer they are than the process. Against a busy thread of the process an encoder has a tenth of a processor.
    #[cfg(target_os = "linux")]
    pub(super) const NICER: i32 = 10;

    /// The blocking threads of a runtime that runs nothing else.
    pub(super) struct Threads(Option<Runtime>);

    impl Threads {
        pub fn new() -> Self {
            let threads = available_parallelism().map_or(1, NonZeroUsize::get);
            let runtime = Builder::new_current_thread()
                .max_blocking_threads(threads)
                .thread_name("encoder")
                .on_thread_start(yield_to_others)
                .build();
            // It has no driver that the system could refuse.
            Threads(runtime.inspect_err(|error| tracing::warn!(%error, "no threads of their own for encoding")).ok())
        }

        pub fn handle(&self) -> Handle {
            self.0.as_ref().map_or_else(Handle::current, |runtime| runtime.handle().clone())
        }
    }

    impl Drop for Threads {
        fn drop(&mut self) {
            if let Some(runtime) = self.0.take() {
                // An async thread must not wait for them.
                runtime.shutdown_background();
            }
        }
    }

    fn yield_to_others() {
        // Linux has a priority for each thread; elsewhere this would be the whole process's.
        #[cfg(target_os = "linux")]
        if let Err(error) = rustix::process::nice(NICER) {
            tracing::debug!(%error, "encoding at the priority of all else");
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    fn nice() -> rustix::io::Result<i32> {
        rustix::process::nice(0)
    }

    #[tokio::test]
    async fn they_yield_and_leave_other_threads_as_they_are() {
        let before = nice().unwrap();
        let of_encoder = Encoders::new().run(nice).await.unwrap().unwrap();
        assert_eq!((of_encoder, nice().unwrap()), ((before + threads::NICER).min(19), before));
        assert_eq!(tokio::task::spawn_blocking(nice).await.unwrap().unwrap(), before);
    }

    #[tokio::test]
    async fn they_are_as_many_as_processors() {
        static RUNNING: AtomicUsize = AtomicUsize::new(0);
        static MOST: AtomicUsize = AtomicUsize::new(0);
        let processors = thread::available_parallelism().unwrap().get();
        let (encoders, together) = (Encoders::new(), std::sync::Arc::new(Barrier::new(processors)));
        let work: Vec<_> = (0..8 * processors)
            .map(|_| {
                let together = together.clone();
                encoders.run(move || {
                    MOST.fetch_max(RUNNING.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    together.wait();
                    RUNNING.fetch_sub(1, Ordering::SeqCst);
                })
            })
            .collect();
        for work in work {
            work.await.unwrap();
        }
        assert_eq!(MOST.load(Ordering::SeqCst), processors);
    }

    #[tokio::test]
    async fn a_panic_ends_its_own_work_alone() {
        let encoders = Encoders::new();
        assert!(encoders.run(|| panic!("a bug")).await.unwrap_err().is_panic());
        assert_eq!(encoders.run(|| 1).await.unwrap(), 1);
    }
}
