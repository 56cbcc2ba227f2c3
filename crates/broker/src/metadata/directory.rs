//! The directory of a cluster: what lies in it besides the metadata log.

use std::collections::BTreeMap;
use std::path::Path;

use crate::log::disk::Disk;
use crate::process::Process;

/// Ends the name of a directory whose partition the metadata log does not know: it is kept for people (the name that
/// Kafka gives them, `UnifiedLog.StrayDirSuffix`).
const STRAY_SUFFIX: &str = "-stray";
/// Ends the name of a directory whose partition was deleted.
pub(crate) const DELETED_SUFFIX: &str = "-delete";
/// Characters of its name that a directory keeps when it gets a suffix: file names have at most 255.
const KEPT_NAME_CHARS_MAX: usize = 200;

/// Bytes of the segments in the directory of a partition.
pub(crate) fn segments_bytes(dir: &Path) -> std::io::Result<u64> {
    let mut bytes = 0;
    for file in std::fs::read_dir(dir)? {
        let file = file?;
        let path = file.path();
        if path.extension().is_some_and(|extension| extension == "log") {
            bytes += file.metadata()?.len();
        }
    }
    Ok(bytes)
}

/// Whether a directory is named as that of a partition.
fn is_partition_name(name: &str) -> bool {
    name.rsplit_once('-').is_some_and(|(topic, index)| {
        !topic.is_empty() && !index.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit())
    })
}

/// Clears away directories of partitions that the metadata log does not know, and returns the sizes of those
/// that it does. Partitions that were deleted, and those without records, are removed. Records are set aside
/// under another name: what is not known may be known to the backup of a metadata log. All of that is durable
/// when this returns, so that a new topic of the same name does not find them. Other entries are left alone.
pub(crate) fn clear_strays(
    dir: &Path,
    disk: &Disk,
    process: &Process,
    is_known: impl Fn(&str) -> bool,
) -> std::io::Result<BTreeMap<String, u64>> {
    let mut sizes = BTreeMap::new();
    let mut has_strays = false;
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !entry.file_type()?.is_dir() {
            continue;
        }
        let path = entry.path();
        if is_known(&name) {
            sizes.insert(name, segments_bytes(&path)?);
            continue;
        }
        let is_deleted = name.ends_with(DELETED_SUFFIX);
        if !is_deleted && !is_partition_name(&name) {
            continue;
        }
        if is_deleted || segments_bytes(&path)? == 0 {
            disk.remove_dir_all(&path)?;
        } else {
            let kept: String = name.chars().take(KEPT_NAME_CHARS_MAX).collect();
            let aside = dir.join(format!("{kept}.{}{STRAY_SUFFIX}", process.uuid().simple()));
            tracing::warn!(dir = %path.display(), aside = %aside.display(), "records of a partition that the journal does not know are set aside");
            disk.rename(&path, &aside)?;
        }
        has_strays = true;
    }
    if has_strays {
        disk.sync_dir(dir)?;
    }
    Ok(sizes)
}
