//! Where things are.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// The folders of a checkout.
#[derive(Debug, Clone)]
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The checkout that this program was built in.
    pub fn here() -> Self {
        let xtask = Path::new(env!("CARGO_MANIFEST_DIR"));
        Self {
            root: xtask.parent().unwrap_or(xtask).to_path_buf(),
        }
    }

    /// The checkout's root.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path inside the checkout.
    pub fn path(&self, inside: &str) -> PathBuf {
        self.root.join(inside)
    }

    /// The folders of the clouds' crates, in order.
    ///
    /// # Errors
    /// If the folder of crates cannot be read.
    pub fn clouds(&self) -> Result<Vec<PathBuf>> {
        let mut clouds = Vec::new();
        for entry in std::fs::read_dir(self.path("crates"))? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with("cloud-") {
                clouds.push(entry.path());
            }
        }
        clouds.sort();
        Ok(clouds)
    }

    /// The files of operations, in order. They are modules by the list that the build writes of them.
    ///
    /// # Errors
    /// If a folder cannot be read.
    pub fn operations(&self) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for cloud in self.clouds()? {
            for service in std::fs::read_dir(cloud.join("src"))? {
                let ops = service?.path().join("ops");
                if ops.is_dir() {
                    for file in std::fs::read_dir(ops)? {
                        files.push(file?.path());
                    }
                }
            }
        }
        files.sort();
        Ok(files)
    }

    /// Cargo's target folder.
    pub fn target(&self) -> PathBuf {
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| self.root.join("target"), PathBuf::from)
    }

    /// A folder for everything that suites install or leave, created if absent.
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn scratch(&self, inside: &str) -> Result<PathBuf> {
        let folder = self.target().join("acceptance").join(inside);
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("creating {}", folder.display()))?;
        Ok(folder)
    }

    /// The file that a program's output goes to.
    ///
    /// # Errors
    /// If its folder cannot be created.
    pub fn log(&self, name: &str) -> Result<PathBuf> {
        Ok(self.scratch("logs")?.join(format!("{name}.log")))
    }
}
