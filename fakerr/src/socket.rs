//! Unix sockets for who is on this host.

use std::{
    io,
    os::unix::fs::{FileTypeExt, PermissionsExt},
    path::{Path, PathBuf},
};

use tokio::net::UnixListener;

/// A socket's place in the file system, which goes with this value.
#[derive(Debug)]
pub(crate) struct Socket(PathBuf);

impl Drop for Socket {
    fn drop(&mut self) {
        // A socket that stays is replaced by the next run.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Listens at `path`, for this user alone. A socket left there by an earlier run is replaced, anything else is an
/// error.
pub(crate) fn listen(path: &Path) -> io::Result<(UnixListener, Socket)> {
    match std::fs::symlink_metadata(path) {
        Ok(there) if there.file_type().is_socket() => std::fs::remove_file(path)?,
        Ok(_) => {
            let text = "there is something else than a socket";
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
    let listener = UnixListener::bind(path)?;
    let socket = Socket(path.to_owned());
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok((listener, socket))
}
