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
    /// A change is worked out against what stood when it was filed, whatever stands now.
    BasisUnchecked,
    /// What a system had before is forgotten, so nobody can say how it has moved on.
    ForgetsBefore,
    /// A change that is on record is carried out once more.
    Redelivered,
    /// A record is written whatever has happened since it was read.
    RecordUnguarded,
    /// A change's status is written whatever has happened to its text since it was read.
    TextUnguarded,
    /// A change whose system moved on after it was locked stays locked.
    StaysLocked,
    /// Room is looked for at this moment alone.
    LooksAtNowAlone,
    /// What a system does not have any more is free, whatever it still uses.
    FreesWhatIsUsed,
    /// What an old status says of a quota is believed.
    TrustsOldStatus,
    /// Windows are read without their end.
    NeverEnds,
    /// Nothing is done about a quota when a window ends.
    SleepsThroughEnd,
    /// A quota goes down whatever is in use.
    CutsUse,
    /// A quota is written whatever has happened since it was read.
    QuotaUnguarded,
    /// A departure is decided upon as if no order stood.
    OrderUnread,
    /// What cannot be undone is done by what a cache says of the record.
    ActsOnCache,
    /// What has come after the backup was confirmed is wiped as well.
    WipesWhatCame,
    /// A Job wipes a claim while another one of its name can still be made.
    WipesUnsealed,
    /// A departure is taken back although its wipe has begun.
    WithdrawsLate,
    /// What is offline is charged.
    ChargesOffline,
    /// A change is decided upon as if its system did not leave.
    GrantsLeaving,
    /// What has left is closed once more.
    ClosesAgain,
    /// The room of a system is free as soon as it is to be reclaimed.
    FreesEarly,
    /// A volume that its claim has left behind is left alone.
    StrandsVolume,
    /// An order ends with the departure that stood beside it.
    LiftsWithDeparture,
    /// Gates are opened only where a status says that something was stopped.
    ForgetsGates,
}
