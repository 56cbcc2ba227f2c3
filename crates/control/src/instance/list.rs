//! Lists of instances: pages of them, and walks through all of them in slices.

use brokerage_domain::Result;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::Instance;
use brokerage_domain::listing::Listing;
use brokerage_store::instance::{
    INSTANCE_PAGE, Slice, Unreadable, instance_list_after, instance_list_page, instance_owned,
    instance_owned_page, instance_page, instance_relist, instance_tagged_page, list_begin,
};
use brokerage_store::scan::Cursor;

use super::record::is_there;
use crate::context::Context;
use crate::control::Control;

/// Instances that one account may have in one profile and still see in one listing.
pub const INSTANCES_LISTED_MAX: usize = 100_000;

/// Instances of the first slice of a walk; each next one is twice as large, up to [`INSTANCE_PAGE`].
const SLICE_FIRST: u32 = 64;

/// Which instances of a list are asked for.
pub struct InstanceFilter<'a> {
    /// Only these, if any are named.
    pub ids: Option<Vec<InstanceId>>,
    /// Only those that pass.
    pub passes: Box<dyn Fn(&Instance) -> bool + Send + Sync + 'a>,
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct InstancePage {
    /// The instances on it.
    pub instances: Vec<Instance>,
    /// How many the whole list has.
    pub total: usize,
}

/// What a walk has found so far of the page that is asked for.
struct Found {
    page: InstancePage,
    offset: usize,
    limit: usize,
}

impl Found {
    fn add(&mut self, instance: Instance) {
        let place = self.page.total;
        self.page.total += 1;
        if place >= self.offset && place - self.offset < self.limit {
            self.page.instances.push(instance);
        }
    }
}

impl Control {
    /// How the cloud of a profile lists its instances; by id where none has said it.
    pub(crate) fn listing(&self, profile: &str) -> Listing {
        let known = self.listings.iter().find(|(name, _)| *name == profile);
        known.map_or(Listing::ById, |(_, listing)| *listing)
    }

    /// Lists what was bought before its cloud's lists were as they are.
    pub(crate) async fn instances_relist(&self) -> Result<()> {
        for &(profile, listing) in &self.listings {
            let relisted = self
                .write("instances_relist", move |tx| {
                    Ok(instance_relist(tx, profile, listing)?)
                })
                .await?;
            if relisted {
                tracing::info!(profile, "instances are listed anew");
            }
        }
        Ok(())
    }

    /// A page of the caller's instances in this profile and the call's region, as its cloud lists them. Those that its
    /// policy denies it are left out.
    ///
    /// Without a filter, and with a policy that denies no instance, a page costs the same wherever it is and however long
    /// the list. Otherwise the ids that are named are looked up, or the list is walked through in slices.
    ///
    /// # Errors
    /// [`brokerage_domain::Error::Internal`].
    pub async fn instance_page(
        &self,
        cx: &Context,
        filter: Option<InstanceFilter<'_>>,
        offset: usize,
        limit: usize,
    ) -> Result<InstancePage> {
        let listing = self.listing(cx.profile);
        // The list is what the call is about: that of its region, or that of all regions.
        let is_list = listing.is_by_region() != cx.region.is_empty();
        match filter {
            None if is_list && !cx.is_restricted() => self.page_of_list(cx, offset, limit).await,
            None => {
                let passes = Box::new(|_: &Instance| true);
                self.page_of_walk(cx, passes, offset, limit).await
            }
            Some(InstanceFilter {
                ids: Some(ids),
                passes,
            }) => self.page_of_named(cx, ids, passes, offset, limit).await,
            Some(InstanceFilter { ids: None, passes }) => {
                self.page_of_walk(cx, passes, offset, limit).await
            }
        }
    }

    async fn page_of_list(
        &self,
        cx: &Context,
        offset: usize,
        limit: usize,
    ) -> Result<InstancePage> {
        let (account, profile) = (cx.account().clone(), cx.profile);
        let list = self.listing(profile).scope(&cx.region).to_owned();
        let offset = i64::try_from(offset).unwrap_or(i64::MAX);
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let (instances, total) = self
            .read("instance_page", move |tx| {
                let page = (offset, limit);
                Ok(instance_list_page(tx, &account, profile, &list, page)?)
            })
            .await?;
        let total = usize::try_from(total).unwrap_or_default();
        Ok(InstancePage { instances, total })
    }

    async fn page_of_named(
        &self,
        cx: &Context,
        mut ids: Vec<InstanceId>,
        passes: Box<dyn Fn(&Instance) -> bool + Send + Sync + '_>,
        offset: usize,
        limit: usize,
    ) -> Result<InstancePage> {
        ids.sort_unstable();
        ids.dedup();
        let (account, listing) = (cx.account().clone(), self.listing(cx.profile));
        let mut named = self
            .read("instances_named", move |tx| {
                let mut named = Vec::new();
                for id in &ids {
                    named.extend(instance_owned(tx, &account, id)?);
                }
                Ok(named)
            })
            .await?;
        named.sort_by_cached_key(|instance| (listing.key(instance), instance.id.clone()));
        let mut found = Found::new(offset, limit);
        for instance in named {
            if is_there(cx, &instance)
                && listing.lists(instance.phase)
                && cx.permits(&instance)
                && passes(&instance)
            {
                found.add(instance);
            }
        }
        Ok(found.page)
    }

    async fn page_of_walk(
        &self,
        cx: &Context,
        passes: Box<dyn Fn(&Instance) -> bool + Send + Sync + '_>,
        offset: usize,
        limit: usize,
    ) -> Result<InstancePage> {
        let listing = self.listing(cx.profile);
        let mut found = Found::new(offset, limit);
        if listing.is_by_region() && cx.region.is_empty() {
            let mut all = self.instance_list(cx).await?;
            all.retain(|instance| listing.lists(instance.phase) && passes(instance));
            all.sort_by_cached_key(|instance| (listing.key(instance), instance.id.clone()));
            all.into_iter().for_each(|instance| found.add(instance));
            return Ok(found.page);
        }
        let list = listing.scope(&cx.region).to_owned();
        let mut next = Some(list_begin());
        while let Some(after) = next {
            let (account, profile, list) = (cx.account().clone(), cx.profile, list.clone());
            let slice = self
                .read("instance_walk", move |tx| {
                    Ok(instance_list_after(tx, &account, profile, &list, &after)?)
                })
                .await?;
            next = slice.next;
            for instance in slice.instances {
                if cx.covers(&instance.region) && cx.permits(&instance) && passes(&instance) {
                    found.add(instance);
                }
            }
        }
        Ok(found.page)
    }

    /// The caller's instances in this profile and the call's region, those that are gone left out; sorted by id. Those
    /// that its policy denies it are left out.
    ///
    /// # Errors
    /// [`brokerage_domain::Error::Internal`].
    pub async fn instance_list(&self, cx: &Context) -> Result<Vec<Instance>> {
        let mut all = Vec::new();
        let mut walk = InstanceWalk::over(Slices::All);
        while let Some(slice) = self.instance_slice(cx, &mut walk).await? {
            all.extend(slice);
        }
        Ok(all)
    }

    /// The next slice of [`Self::instance_list`]; `None` after the last. For lists without pages: what is read of one slice
    /// is forgotten before more is read.
    ///
    /// # Errors
    /// [`brokerage_domain::Error::Internal`].
    pub async fn instance_slice(
        &self,
        cx: &Context,
        walk: &mut InstanceWalk,
    ) -> Result<Option<Vec<Instance>>> {
        let Some(after) = walk.after.take() else {
            return Ok(None);
        };
        let (account, profile, over) = (cx.account().clone(), cx.profile, walk.over);
        let limit = walk.slice;
        let Slice {
            instances: mut slice,
            next,
        } = self
            .read("instance_slice", move |tx| {
                let after = (&after, limit);
                Ok(match over {
                    Slices::All => instance_owned_page(tx, &account, profile, after)?,
                    Slices::Tagged => instance_tagged_page(tx, &account, profile, after)?,
                })
            })
            .await?;
        walk.read += slice.len();
        walk.slice = limit.saturating_mul(2).min(INSTANCE_PAGE);
        walk.after = next.filter(|_| walk.read < INSTANCES_LISTED_MAX);
        slice.retain(|instance| cx.covers(&instance.region) && cx.permits(instance));
        Ok(Some(slice))
    }

    /// Every account's instances, those that are gone left out, and those whose rows cannot be read: for the operator.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub async fn instance_list_all(
        &self,
    ) -> Result<Vec<std::result::Result<Instance, Unreadable>>> {
        let mut all = Vec::new();
        let mut next = Some(Cursor::start());
        while let Some(after) = next {
            let page = self
                .read("instance_list_all", move |tx| {
                    Ok(instance_page(tx, &after)?)
                })
                .await?;
            all.extend(page.rows);
            next = page.next.filter(|_| all.len() < INSTANCES_LISTED_MAX);
        }
        Ok(all)
    }
}

/// A walk over the caller's instances by id, at most [`INSTANCES_LISTED_MAX`] of them.
#[derive(Debug)]
pub struct InstanceWalk {
    over: Slices,
    /// Where the next slice begins; none behind the last.
    after: Option<Cursor>,
    read: usize,
    /// Instances of the next slice. The first are small: a page may end in them.
    slice: u32,
}

impl InstanceWalk {
    /// From the beginning.
    pub fn over(over: Slices) -> Self {
        Self::after(over, String::new())
    }

    /// From behind an id, of an instance that need not be there.
    pub fn after(over: Slices, id: String) -> Self {
        Self {
            over,
            after: Some(Cursor::after(id)),
            read: 0,
            slice: SLICE_FIRST,
        }
    }
}

/// What slices are cut of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slices {
    /// Every instance that is not gone.
    All,
    /// Those that carry tags.
    Tagged,
}

impl Found {
    const fn new(offset: usize, limit: usize) -> Self {
        Self {
            page: InstancePage {
                instances: Vec::new(),
                total: 0,
            },
            offset,
            limit,
        }
    }
}
