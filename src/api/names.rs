//! Names that other objects, people and pipelines rely on: labels, annotations, roles, conditions.

/// The API group.
pub const GROUP: &str = "yunguan.dev";
/// Set to [`MANAGED_BY_VALUE`] on everything that the operator owns; admission guards it.
pub const LABEL_MANAGED: &str = "yunguan.dev/managed";
/// The value of [`LABEL_MANAGED`].
pub const MANAGED_BY_VALUE: &str = "true";
/// The Organization that a namespace or object belongs to.
pub const LABEL_ORGANIZATION: &str = "yunguan.dev/organization";
/// The InformationSystem that an object belongs to.
pub const LABEL_SYSTEM: &str = "yunguan.dev/system";
/// What a namespace is for: [`PURPOSE_HOME`] or [`PURPOSE_SYSTEM`].
pub const LABEL_PURPOSE: &str = "yunguan.dev/purpose";
/// A namespace in which an organization's papers live.
pub const PURPOSE_HOME: &str = "home";
/// A namespace in which a system runs.
pub const PURPOSE_SYSTEM: &str = "system";
/// On a system's namespace: the uid of its InformationSystem, so that a name alone never makes it ours.
pub const ANNOTATION_OWNER_UID: &str = "yunguan.dev/owner-uid";

/// On a namespace in use: the request for which the authority lets it be taken over, as `home/request/uid`. Admission lets only
/// a person set it who may `adopt` as the authority in that home, and the operator touches no other foreign namespace.
pub const ANNOTATION_ADOPT: &str = "yunguan.dev/adopt";

/// On a namespace in which nothing may run: why, [`STOPPED_SUSPENDED`]. Pods that are made in it wait at the scheduling
/// gate [`GATE_STOPPED`].
pub const LABEL_STOPPED: &str = "yunguan.dev/stopped";
/// Whether everything that was granted is given.
pub const CONDITION_ALL_GIVEN: &str = "AllGiven";
/// Beside a node selector of a namespace: that it is its domain's.
pub const ANNOTATION_NODES: &str = "yunguan.dev/nodes";
/// Type of the limits by which `config/admission/pod-defaults.yaml` fills in what containers leave out.
pub const LIMITS_OF_CONTAINERS: &str = "yunguan.dev/container";
/// The system leaves the cloud, and is offline.
pub const STOPPED_OFFLINE: &str = "offline";
/// Its data is wiped, or was: no volume is made in it any more.
pub const STOPPED_WIPED: &str = "wiped";
/// On a namespace, as label and annotation: claims that are wiped while the system stays. The annotation names them, and none of
/// these names is taken by another claim meanwhile.
pub const KEY_WIPING: &str = "yunguan.dev/wiping";
/// An order has suspended the system.
pub const STOPPED_SUSPENDED: &str = "suspended";
/// The scheduling gate of pods that must not run yet.
pub const GATE_STOPPED: &str = "yunguan.dev/stopped";
/// On a Job or CronJob that the operator has suspended, as annotation, or as label where its annotations are full: what
/// `spec.suspend` was, to be put back.
pub const KEY_SUSPENDED: &str = "yunguan.dev/suspended";

/// On what the operator wrote: the digest of what it wanted then. Where that is still what it wants and the object is
/// another, somebody else has changed it.
pub const ANNOTATION_APPLIED: &str = "yunguan.dev/applied";

/// Roles whose holder follows from the request: its own organization.
pub const ROLE_UNIT: &str = "unit";
/// The supervising department of the request's organization (主管部门).
pub const ROLE_SUPERVISOR: &str = "supervisor";
/// The provider of the request's domain (云服务商).
pub const ROLE_PROVIDER: &str = "provider";
/// The authority (云主管部门); its organizations stand in the policy, as those of the roles below.
pub const ROLE_AUTHORITY: &str = "authority";
/// The managing agency (云管理机构).
pub const ROLE_AGENCY: &str = "agency";
/// The finance department (财政部门).
pub const ROLE_FINANCE: &str = "finance";
/// The third-party auditor (第三方审计).
pub const ROLE_AUDITOR: &str = "auditor";
/// Security regulators (网信、公安、密码管理部门).
pub const ROLE_REGULATOR: &str = "regulator";
/// The roles that ship with a ClusterRole each. A further one is a ClusterRole `yunguan-<role>`, an entry in the
/// operator's `bind` rule, and an entry in `spec.roles` of the policy that knows it.
pub const SHIPPED_ROLES: [&str; 8] = [
    ROLE_AUTHORITY,
    ROLE_AGENCY,
    ROLE_UNIT,
    ROLE_SUPERVISOR,
    ROLE_PROVIDER,
    ROLE_FINANCE,
    ROLE_AUDITOR,
    ROLE_REGULATOR,
];

/// The ClusterRole that a holder of `role` gets in a home namespace.
#[must_use]
pub fn cluster_role(role: &str) -> String {
    format!("yunguan-{role}")
}
/// On a Decommission: changing it has what failed tried again.
pub const ANNOTATION_RETRY: &str = "yunguan.dev/retry";
/// On a Job of the operator: the claim that it works on.
pub const ANNOTATION_CLAIM: &str = "yunguan.dev/claim";
/// How the Jobs are called that wipe volumes.
pub const JOB_WIPE: &str = "yunguan-wipe-";
/// The claim that backups go to, where they go to a volume.
pub const CLAIM_BACKUP: &str = "yunguan-backup";
/// The ClusterRole of a unit's people in their system's namespace.
pub const CLUSTER_ROLE_DEVELOPER: &str = "yunguan-tenant-developer";
/// The ClusterRole of somebody whom the unit let in to look.
pub const CLUSTER_ROLE_GUEST_VIEW: &str = "yunguan-tenant-guest-view";
/// The ClusterRole of somebody whom the unit let in to work.
pub const CLUSTER_ROLE_GUEST_OPERATE: &str = "yunguan-tenant-guest-operate";

/// The gate name under which a submission is made; no policy may use it for a gate.
pub const GATE_SUBMISSION: &str = "submission";
/// The gate at which an emergency expansion waits for annex 2: it is passed by another ResourceChange, and by no Decision.
pub const GATE_ANNEX: &str = "annex";
/// The gate name under which a RightsizingProposal is dismissed (R26.5); it is taken up by a ResourceChange.
pub const GATE_TAKE_UP: &str = "take-up";
/// The gate name under which a unit lets somebody into its system (R35.1).
pub const GATE_ACCESS: &str = "access";

/// kstatus: true when there is nothing left to do and nobody to wait for.
pub const CONDITION_READY: &str = "Ready";
/// kstatus: the operator is at work.
pub const CONDITION_RECONCILING: &str = "Reconciling";
/// kstatus: the operator cannot go on without a change by somebody.
pub const CONDITION_STALLED: &str = "Stalled";
/// Whether the system may be in this cloud at all (articles 3 to 5).
pub const CONDITION_IN_SCOPE: &str = "InScope";
/// Whether every document and field that the track needs is there (articles 17, 18).
pub const CONDITION_COMPLETE: &str = "Complete";
/// Whether every line is in the catalog and can be provided in the domain (article 16).
pub const CONDITION_RESOLVED: &str = "Resolved";
/// Whether the namespace that the request names can be taken over as the request says (R4.2); absent where it names none.
pub const CONDITION_ADOPTABLE: &str = "Adoptable";
/// Whether the networks of a namespace that was taken over are shut but for what was granted (article 35); absent on others.
pub const CONDITION_NETWORKS_SHUT: &str = "NetworksShut";
/// Whether the domain has room for what is asked for (article 26).
pub const CONDITION_CAPACITY: &str = "CapacityAvailable";
/// Whether every gate before provisioning has been passed (article 19).
pub const CONDITION_APPROVED: &str = "Approved";
/// Whether the namespace and its quota stand (articles 19, 25).
pub const CONDITION_PROVISIONED: &str = "Provisioned";
/// Whether the agreement is signed and charging runs (article 21).
pub const CONDITION_LIVE: &str = "Live";
/// Whether the old self of a migrated system must still be kept (article 21).
pub const CONDITION_OLD_SYSTEM_KEPT: &str = "OldSystemKept";
/// Whether an open gate is past its due date.
pub const CONDITION_OVERDUE: &str = "Overdue";
/// Whether a change is filed in time, and for a time that is still to come (article 22).
pub const CONDITION_IN_TIME: &str = "InTime";
/// Whether the system's use allows a permanent expansion (article 26); absent where the rules do not ask for it.
pub const CONDITION_ELIGIBLE: &str = "Eligible";
/// Whether an emergency expansion has been decided upon by the authority (article 26).
pub const CONDITION_SETTLED: &str = "Settled";
/// Whether a system uses no more than it has (articles 22 and 26).
pub const CONDITION_WITHIN_GRANT: &str = "WithinGrant";
/// Whether the system's use is measured, so that it can be judged (article 26).
pub const CONDITION_USAGE_KNOWN: &str = "UsageKnown";
/// Whether use is so high that more may be applied for (达标扩容).
pub const CONDITION_EXPANSION_ELIGIBLE: &str = "ExpansionEligible";
/// Whether use is so low that a reduction may be proposed (核减).
pub const CONDITION_REDUCTION_ELIGIBLE: &str = "ReductionEligible";
/// Whether it has been idle or stopped for too long (闲置或停用).
pub const CONDITION_IDLE: &str = "Idle";
/// Whether no business data came about for too long (未产生业务数据).
pub const CONDITION_NO_BUSINESS_DATA: &str = "NoBusinessData";
/// Of a RightsizingProposal: whether the ground on which it was made still is there.
pub const CONDITION_GROUND: &str = "GroundHolds";
/// Whether nothing of a system may run, by an order (article 34).
pub const CONDITION_SUSPENDED: &str = "Suspended";
/// Whether the system's data is backed up (article 23).
pub const CONDITION_BACKED_UP: &str = "BackedUp";
/// Whether the system is offline, and nothing of it runs (article 23).
pub const CONDITION_OFFLINE: &str = "Offline";
/// Whether its data is wiped (article 23).
pub const CONDITION_WIPED: &str = "Wiped";
/// Whether its resources are given back (article 23).
pub const CONDITION_RECLAIMED: &str = "Reclaimed";
/// Whether a sanction is in force (articles 34 and 38).
pub const CONDITION_IMPOSED: &str = "Imposed";
/// Whether something new may be granted to the unit (article 38); absent where nothing stands in the way.
pub const CONDITION_GRANTS: &str = "GrantsAllowed";
/// Whether a policy's deadlines can be counted: its calendars reach as far as the longest of them.
pub const CONDITION_CALENDAR: &str = "CalendarKnown";
/// Whether a policy, organization, domain or catalog object can be used as it stands.
pub const CONDITION_VALID: &str = "Valid";
