// Loaded before a process of the suite: its wall clock is off by SONGMILL_CHAOS_SHIFT_MS. Timers go on as they are,
// as they do on a machine whose clock is wrong.
const shift = Number(process.env.SONGMILL_CHAOS_SHIFT_MS);
const Real = Date;

globalThis.Date = class extends Real {
  constructor(...given) {
    if (given.length === 0) super(Real.now() + shift);
    else super(...given);
  }

  static now() {
    return Real.now() + shift;
  }
};
