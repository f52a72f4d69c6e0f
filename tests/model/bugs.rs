//! What could be wrong in the operator or in the core. Each is put into the machine, never into an invariant, and the
//! invariant that is there for it must find it.

/// A bug.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Bug {
    /// A decision counts whatever digest it carries.
    DigestUnchecked,
    /// A decision on an earlier filing of the same text counts for the one that stands.
    RoundUnchecked,
    /// One person is taken for another in every role.
    PersonUnchecked,
    /// Two decisions of one person are two people's.
    QuorumUnchecked,
    /// Whoever has a binding is a member.
    MembersUnchecked,
    /// A grant is made without room being taken for it.
    Unreserved,
    /// A cache that does not know all grants counts those that it knows.
    StaleIsFree,
    /// The domain's status is written whatever has happened since it was read.
    DomainUnguarded,
    /// What the caches say is granted, without a fresh read and a guarded write.
    Cached,
    /// The domain's controller clears a reservation while its commit begins.
    ClearsUnlocked,
    /// A grant that the cache learns of in the middle of its own commit is reserved, and counted, once more.
    ReservesAgain,
    /// The report at the end of a commit takes the lock off the text again.
    Unlocks,
    /// After a restart a reservation of one's own is taken for another's.
    ForgetsReservation,
    /// A reservation that is nobody's any more stays.
    KeepsDeadReservation,
    /// A reservation stays for as long as its filing stands, however that ended.
    KeepsEndedReservation,
    /// A request of another name takes over the system of one with the same text.
    AdoptsAnyName,
    /// Charging starts when the resources are open.
    ChargesEarly,
    /// Systems are named after requests.
    NamesByRequest,
    /// A system goes with its request.
    Cascades,
    /// Every pass writes when it was made.
    WritesTime,
}
