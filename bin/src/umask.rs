//! Who may write to what the process makes.

use rustix::fs::Mode;
use rustix::process::umask;

/// Lets nobody but owner and group write to a file that the process makes, whatever umask it was started with. The rest of that
/// umask counts as it is.
pub fn keep_others_from_writing() {
    // There is no way to read it but to set it; no other thread runs yet that could make a file meanwhile.
    let given = umask(Mode::RWXG | Mode::RWXO);
    umask(given | Mode::WOTH);
}
