package state

const victimVariable = "VARANGIAN_STATE_VICTIM"

func victim() {}
