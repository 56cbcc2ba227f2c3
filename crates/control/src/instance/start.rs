//! Starting an instance of a two-step purchase.

use brokerage_domain::Result;
use brokerage_domain::cluster_settings::ClusterSettings;
use brokerage_domain::id::InstanceId;
use brokerage_domain::instance::{Phase, Want, instance_name_check};
use brokerage_domain::listener::SecurityProtocol;
use brokerage_domain::notes::Notes;
use brokerage_store::instance::Attention;
use brokerage_store::timer::timer_clear;

use crate::background::CANCEL_UNSTARTED;
use crate::call::Call;
use crate::control::Control;
use crate::failpoints::crash_point;
use crate::network::{PlacementRequest, placement_resolve};

/// What its owner says when starting an instance of a two-step purchase.
#[derive(Debug, Clone)]
pub struct InstanceStart {
    /// Where.
    pub placement: PlacementRequest,
    /// A new name, if one is given.
    pub name: Option<String>,
    /// A version other than the ordered one, with the Kafka release that it is.
    pub version: Option<(String, String)>,
    /// Private listeners besides the operator's.
    pub switched_security_protocols: Vec<SecurityProtocol>,
    /// Cluster settings, over those of the order.
    pub settings: ClusterSettings,
    /// What the dialect has to show again, over that of the order.
    pub notes: Notes,
}

impl Control {
    /// Starts an instance of a two-step purchase: says where it is and lets the reconciler make it.
    ///
    /// # Errors
    /// [`Error::WrongPhase`] when it was started before, [`Error::NotFound`] for instance, network or subnet,
    /// [`Error::Plan`] for zones that its edition does not take, [`Error::SoldOut`] for slots.
    pub async fn instance_start(
        &self,
        call: Call,
        id: &InstanceId,
        start: InstanceStart,
    ) -> Result<()> {
        let real_now = self.real_now();
        let before = self.instance_view(&call, id).await?;
        let scope = self.network_scope(&call, &before.region)?;
        let zones = &start.placement.zones;
        if !zones.is_empty() {
            let catalog = self.catalog_of(&before.plan)?;
            catalog.zones_check(&before.plan.edition, &before.region, zones)?;
        }
        start.name.as_deref().map_or(Ok(()), instance_name_check)?;
        self.instance_write(call, id, move |tx, instance| {
            if instance.phase != Phase::AwaitingStart || instance.want != Want::Nothing {
                return Err(instance.wrong_phase().into());
            }
            instance.placement = Some(placement_resolve(tx, &scope, &start.placement)?);
            if let Some(name) = &start.name {
                instance.name.clone_from(name);
            }
            if let Some((version, kafka)) = &start.version {
                instance.plan.version.clone_from(version);
                instance.plan.kafka_version.clone_from(kafka);
            }
            Self::listeners_switch(tx, instance, &start.switched_security_protocols)?;
            instance.settings.extend(start.settings.clone());
            instance.notes.extend(start.notes.clone());
            instance.notes.check()?;
            instance.phase = Phase::Provisioning;
            instance.want = Want::Running;
            timer_clear(tx, CANCEL_UNSTARTED, instance.id.as_str())?;
            Ok(Attention::From(real_now))
        })
        .await?;
        crash_point("start_after_commit");
        self.reconcile_wake();
        Ok(())
    }
}
