//! Deriving keys from passwords, which takes a core for milliseconds: a few at a time.

use tokio::sync::Semaphore;

/// Turns for deriving keys.
pub(crate) struct Derivations(Semaphore);

impl Default for Derivations {
    /// As many at a time as there are cores: more would only wait for each other.
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self(Semaphore::new(cores))
    }
}

impl Derivations {
    /// Derives keys on a blocking thread when it is its turn. `None` if the host stops.
    pub(crate) async fn take<T: Send + 'static>(
        &self,
        derive: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let _turn = self.0.acquire().await.ok()?;
        tokio::task::spawn_blocking(derive).await.ok()
    }
}
