//! What the operator itself runs in the namespace of a system that leaves: a Job for each volume, and the claim that backups
//! go to (article 23).

use super::{labels, meta};
use crate::api::decommission::{BackupMode, Leaving};
use crate::api::names::{ANNOTATION_CLAIM, CLAIM_BACKUP, LABEL_MANAGED, MANAGED_BY_VALUE, PURPOSE_SYSTEM};
use crate::api::service_product::{BackupTarget, DataHandling, JobTemplate};
use crate::api::{InformationSystemSpec, ServiceProductSpec};
use crate::core::leaving::{Task, Work};
use crate::core::quantity::{Amount, Amounts, Format};
use crate::core::registry::Named;
use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::{
    Affinity, Capabilities, Container, EnvFromSource, EnvVar, NodeAffinity, NodeSelector, NodeSelectorRequirement,
    NodeSelectorTerm, PersistentVolumeClaim, PersistentVolumeClaimSpec, PersistentVolumeClaimVolumeSource,
    PodSecurityContext, PodSpec, PodTemplateSpec, ResourceRequirements, SeccompProfile, SecretEnvSource,
    SecurityContext, Volume, VolumeMount, VolumeResourceRequirements,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use std::collections::BTreeMap;

/// What a quota has beyond what was granted while a system leaves, so that the operator's own Job and claim fit in beside
/// whatever the unit uses: one Job at a time.
#[must_use]
pub fn allowance(
    leaving: &Leaving,
    products: &[Named<ServiceProductSpec>],
    domain: &str,
    granted: &Amounts,
) -> Amounts {
    if leaving.reclaim.is_some() {
        return Amounts::default();
    }
    let here = products.iter().filter(|p| p.spec.domain == domain);
    let handlings: Vec<&DataHandling> = here.filter_map(|p| p.spec.handling.as_ref()).collect();
    let templates = handlings.iter().flat_map(|h| [&h.backup, &h.wipe]).flatten();
    let mut most = Amounts::from_iter([("pods".to_owned(), Amount::units(1))]);
    for template in templates {
        for (requested, amount) in Amounts::parse(&template.resources).unwrap_or_default().iter() {
            let limited = requested.replacen("requests.", "limits.", 1);
            most = most.highest(&Amounts::from_iter([(requested.to_owned(), amount), (limited, amount)]));
        }
    }
    for target in handlings.iter().filter_map(|h| h.target.as_ref()) {
        let size = size(target, granted);
        let class = &target.storage_class;
        most = most.highest(&Amounts::from_iter([
            ("persistentvolumeclaims".to_owned(), Amount::units(1)),
            ("requests.storage".to_owned(), size),
            (format!("{class}.storageclass.storage.k8s.io/requests.storage"), size),
        ]));
    }
    most
}

/// As much as the system was granted, where nothing else is said.
fn size(target: &BackupTarget, granted: &Amounts) -> Amount {
    let said = target.size.as_ref().and_then(|size| Amount::parse(&size.0).ok());
    said.unwrap_or_else(|| granted.get("requests.storage"))
}

/// The claim that backups go to.
#[must_use]
pub fn claim(
    name: &str,
    system: &InformationSystemSpec,
    target: &BackupTarget,
    granted: &Amounts,
) -> PersistentVolumeClaim {
    let storage = Quantity(size(target, granted).print(Format::of("requests.storage")));
    PersistentVolumeClaim {
        metadata: meta(
            CLAIM_BACKUP,
            Some(&system.namespace),
            &labels(PURPOSE_SYSTEM, &system.organization, Some(name)),
        ),
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            storage_class_name: Some(target.storage_class.clone()),
            resources: Some(VolumeResourceRequirements {
                requests: Some(BTreeMap::from([("storage".to_owned(), storage)])),
                ..VolumeResourceRequirements::default()
            }),
            ..PersistentVolumeClaimSpec::default()
        }),
        status: None,
    }
}

/// The Job that works on one volume.
#[must_use]
pub fn job(name: &str, system: &InformationSystemSpec, task: &Task, backup: BackupMode) -> Job {
    let labels = labels(PURPOSE_SYSTEM, &system.organization, Some(name));
    let claim = &task.volume.reference.claim;
    let mut metadata = meta(&task.job, Some(&system.namespace), &labels);
    metadata.annotations.get_or_insert_default().insert(ANNOTATION_CLAIM.to_owned(), claim.clone());
    let pod = ObjectMeta {
        labels: Some(BTreeMap::from([(LABEL_MANAGED.to_owned(), MANAGED_BY_VALUE.to_owned())])),
        ..ObjectMeta::default()
    };
    // What a running pod has mounted on a node can be mounted beside it there alone.
    let node = task.volume.node.as_ref().filter(|_| backup == BackupMode::Live);
    Job {
        metadata,
        spec: Some(JobSpec {
            backoff_limit: Some(0),
            active_deadline_seconds: Some(task.template.deadline_minutes.saturating_mul(60)),
            template: PodTemplateSpec { metadata: Some(pod), spec: Some(pod_spec(name, system, task, node)) },
            ..JobSpec::default()
        }),
        status: None,
    }
}

fn pod_spec(name: &str, system: &InformationSystemSpec, task: &Task, node: Option<&String>) -> PodSpec {
    let template = &task.template;
    let volume = |name: &str, claim: &str, read_only: bool| Volume {
        name: name.to_owned(),
        persistent_volume_claim: Some(PersistentVolumeClaimVolumeSource {
            claim_name: claim.to_owned(),
            read_only: read_only.then_some(true),
        }),
        ..Volume::default()
    };
    let mount = |name: &str, path: &str, read_only: bool| VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        read_only: read_only.then_some(true),
        ..VolumeMount::default()
    };
    let reads = task.work == Work::Backup;
    let mut volumes = vec![volume("data", &task.volume.reference.claim, reads)];
    let mut mounts = vec![mount("data", "/data", reads)];
    if task.target.is_some() {
        volumes.push(volume("backup", CLAIM_BACKUP, false));
        mounts.push(mount("backup", "/backup", false));
    }
    PodSpec {
        restart_policy: Some("Never".to_owned()),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        affinity: node.map(|node| on(node)),
        security_context: Some(PodSecurityContext {
            run_as_user: Some(template.run_as_user),
            run_as_non_root: (template.run_as_user != 0).then_some(true),
            seccomp_profile: Some(SeccompProfile { type_: "RuntimeDefault".to_owned(), localhost_profile: None }),
            ..PodSecurityContext::default()
        }),
        containers: vec![container(name, system, task, mounts)],
        volumes: Some(volumes),
        ..PodSpec::default()
    }
}

fn container(name: &str, system: &InformationSystemSpec, task: &Task, mounts: Vec<VolumeMount>) -> Container {
    let JobTemplate { image, image_pull_policy, command, secret, run_as_user, resources, .. } = &task.template;
    let variable =
        |name: &str, value: &str| EnvVar { name: name.to_owned(), value: Some(value.to_owned()), ..EnvVar::default() };
    let amounts: BTreeMap<String, Quantity> =
        resources.iter().map(|(resource, amount)| (resource.clone(), Quantity(amount.0.clone()))).collect();
    // Root alone reads what belongs to others, and with no other right of root.
    let others = (*run_as_user == 0).then(|| vec!["DAC_OVERRIDE".to_owned(), "FOWNER".to_owned()]);
    Container {
        name: task.work.to_string(),
        image: Some(image.clone()),
        image_pull_policy: image_pull_policy.map(|policy| policy.to_string()),
        command: (!command.is_empty()).then(|| command.clone()),
        env: Some(vec![
            variable("SYSTEM", name),
            variable("UNIT", &system.organization),
            variable("CLAIM", &task.volume.reference.claim),
            variable("CAPACITY", &task.volume.capacity.to_string()),
        ]),
        env_from: secret.as_ref().map(|secret| {
            let secret_ref = Some(SecretEnvSource { name: secret.clone(), optional: None });
            vec![EnvFromSource { secret_ref, ..EnvFromSource::default() }]
        }),
        resources: Some(ResourceRequirements { requests: Some(amounts.clone()), limits: Some(amounts), claims: None }),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), add: others }),
            ..SecurityContext::default()
        }),
        volume_mounts: Some(mounts),
        // Why it has failed is told where it has no word of its own.
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        ..Container::default()
    }
}

fn on(node: &str) -> Affinity {
    let term = NodeSelectorTerm {
        match_fields: Some(vec![NodeSelectorRequirement {
            key: "metadata.name".to_owned(),
            operator: "In".to_owned(),
            values: Some(vec![node.to_owned()]),
        }]),
        match_expressions: None,
    };
    Affinity {
        node_affinity: Some(NodeAffinity {
            required_during_scheduling_ignored_during_execution: Some(NodeSelector { node_selector_terms: vec![term] }),
            ..NodeAffinity::default()
        }),
        ..Affinity::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::decommission::{Reclaim, VolumeRef};
    use crate::core::leaving::Volume as Seen;

    fn task(work: Work, run_as_user: i64) -> Task {
        let reference = VolumeRef { claim: "data-0".into(), uid: "u".into(), volume: "pv".into() };
        let resources = [("cpu", "200m"), ("memory", "128Mi")];
        let resources = resources.map(|(r, a)| (r.to_owned(), crate::api::common::Quantity(a.into()))).into();
        let template =
            JobTemplate { image: "i".into(), run_as_user, resources, deadline_minutes: 5, ..JobTemplate::default() };
        let volume = Seen { reference, node: Some("n1".into()), ..Seen::default() };
        let target = (work == Work::Backup).then(|| BackupTarget { storage_class: "archive".into(), size: None });
        Task { work, job: "yunguan-backup-1".into(), volume, template, target }
    }

    #[test]
    fn r23_1_a_backup_reads_and_a_wipe_writes_with_no_more_rights_than_that_takes() {
        let system =
            InformationSystemSpec { namespace: "ygs-a".into(), organization: "a".into(), ..Default::default() };
        let backup = job("portal", &system, &task(Work::Backup, 0), BackupMode::Live).spec.unwrap();
        let pod = backup.template.spec.unwrap();
        let data = pod.volumes.as_ref().unwrap()[0].persistent_volume_claim.clone().unwrap();
        assert_eq!((data.claim_name.as_str(), data.read_only), ("data-0", Some(true)));
        assert_eq!(pod.volumes.as_ref().unwrap().len(), 2);
        assert!(pod.affinity.is_some(), "beside the pod that has it mounted");
        let added = pod.containers[0].security_context.clone().unwrap().capabilities.unwrap().add.unwrap();
        assert_eq!(added, ["DAC_OVERRIDE", "FOWNER"]);
        let wipe = job("portal", &system, &task(Work::Wipe, 1000), BackupMode::Live).spec.unwrap();
        assert_eq!((wipe.backoff_limit, wipe.active_deadline_seconds), (Some(0), Some(300)));
        let pod = wipe.template.spec.unwrap();
        assert_eq!(pod.volumes.as_ref().unwrap().len(), 1);
        assert_eq!(pod.volumes.unwrap()[0].persistent_volume_claim.clone().unwrap().read_only, None);
        assert_eq!(pod.containers[0].security_context.clone().unwrap().capabilities.unwrap().add, None);
        assert_eq!(pod.security_context.unwrap().run_as_non_root, Some(true));
        assert_eq!(wipe.template.metadata.unwrap().labels.unwrap()[LABEL_MANAGED], "true");
    }

    #[test]
    fn r23_1_what_the_operator_runs_fits_in_beside_what_the_unit_uses() {
        let granted = Amounts::from_iter([("requests.storage".to_owned(), Amount::units(500))]);
        let handling = DataHandling {
            backup: Some(task(Work::Backup, 0).template),
            target: Some(BackupTarget { storage_class: "archive".into(), size: None }),
            wipe: None,
        };
        let spec = ServiceProductSpec { domain: "d".into(), handling: Some(handling), ..Default::default() };
        let products = [Named { name: "p".into(), uid: "p".into(), spec, ..Named::default() }];
        let more = allowance(&Leaving::default(), &products, "d", &granted);
        for (resource, amount) in
            [("pods", "1"), ("requests.cpu", "200m"), ("limits.memory", "128Mi"), ("requests.storage", "500")]
        {
            assert_eq!(more.get(resource), Amount::parse(amount).unwrap(), "{resource}");
        }
        assert_eq!(more.get("archive.storageclass.storage.k8s.io/requests.storage"), Amount::units(500));
        let reclaimed = Leaving { reclaim: Some(Reclaim::default()), ..Leaving::default() };
        assert!(allowance(&reclaimed, &products, "d", &granted).is_empty());
        assert_eq!(allowance(&Leaving::default(), &products, "e", &granted).iter().count(), 1, "of the domain alone");
    }
}
