"""Does the grasp hold? MuJoCo shakes gravity in six directions while the joints squeeze

The palm is fixed in space; each flexion joint is a position servo that aims a little further closed. Bones are
capsules of the cones' mean radius, as MuJoCo has no round cones; the object is its convex pieces.
"""

# pyright: reportAttributeAccessIssue=false, reportOptionalMemberAccess=false
# (mujoco's names come from a compiled module, which type checkers cannot see into)

from dataclasses import dataclass

import mujoco
import numpy as np
from jaxtyping import Bool, Float

from perpart import hand
from perpart.anatomy import CONE_PARTS
from perpart.grasps.filters import FRICTION, PAD
from perpart.hands import Hands
from perpart.objects import Object

SHIFT, TURN = 0.02, np.radians(15.0)  # how far a held object may move (m) and turn
GRAVITY = 9.81
STEP, SETTLE, SHAKE = 0.002, 60, 200  # s; steps without gravity; steps in each direction: 0.4 s, a free fall of 0.8 m
LOOK = 50  # steps between two looks at how far it moved
SQUEEZE = 0.12  # rad the servos aim further than the joints are
STIFF = (5.0, 3.5, 2.0)  # N·m/rad, base to tip: with SQUEEZE some 10 N at a fingertip, an easy human grip
EASY, STRONGEST = 0.2, 3.0  # kg held so; heavier things are squeezed harder in proportion, up to this many times
DAMP = 0.05  # N·m·s/rad


@dataclass(frozen=True)
class Held:
    """The outcome of one trial: the largest shift (m) and turn (rad) of the object over the six directions."""

    shift: float
    turn: float

    @property
    def fast(self) -> bool:
        """Whether the hand held it fast: neither shifted nor turned too far."""
        return self.shift < SHIFT and self.turn < TURN


class Bench:
    """One object on the test bench: its physics model is built once, and fitted to each grasp's hand."""

    def __init__(self, thing: Object) -> None:
        self.model = _model(thing)
        self.data = mujoco.MjData(self.model)

    def hold(self, one: Hands, touching: Bool[np.ndarray, "16"]) -> Held:
        """Try one grasp, squeezing with the digits that touch; stops as soon as it is lost."""
        _fit(self.model, one.posed)
        model, data = self.model, self.data
        mujoco.mj_resetData(model, data)
        data.ctrl[:] = SQUEEZE * np.repeat(touching[1:].reshape(5, 3).any(-1), 3)
        model.opt.gravity[:] = 0
        mujoco.mj_step(model, data, SETTLE)
        state = np.empty(mujoco.mj_stateSize(model, mujoco.mjtState.mjSTATE_INTEGRATION))
        mujoco.mj_getState(model, data, state, mujoco.mjtState.mjSTATE_INTEGRATION)
        worst = _moved(data)
        for axis in np.concatenate([np.eye(3), -np.eye(3)]):
            mujoco.mj_setState(model, data, state, mujoco.mjtState.mjSTATE_INTEGRATION)
            model.opt.gravity[:] = GRAVITY * axis
            for _ in range(SHAKE // LOOK):
                if not worst.fast:
                    return worst
                mujoco.mj_step(model, data, LOOK)
                moved = _moved(data)
                worst = Held(max(worst.shift, moved.shift), max(worst.turn, moved.turn))
        return worst


def _moved(data: mujoco.MjData) -> Held:
    """How far the object is from where it started: the origin, upright."""
    place = data.qpos[:7]
    turn = 2 * np.arctan2(np.linalg.norm(place[4:]), abs(place[3]))
    return Held(float(np.linalg.norm(place[:3])), float(turn))


def _model(thing: Object) -> mujoco.MjModel:
    spec = mujoco.MjSpec()
    spec.option.timestep = STEP
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    spec.option.impratio = 10  # friction as stiff as contact, or held things creep
    # The hand's geoms are refitted after compiling, so trees built from their first sizes must not be asked.
    spec.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_MIDPHASE
    _add_object(spec, thing)
    parts = [spec.worldbody] + [None] * 15
    for part in range(1, 16):
        parent = spec.worldbody if part % 3 == 1 else parts[part - 1]
        parts[part] = parent.add_body(name=hand.PARTS[part], mass=0.03, inertia=[2e-5] * 3, explicitinertial=True)
        joint = parts[part].add_joint(
            name=hand.PARTS[part], axis=[0, 1, 0], damping=DAMP, armature=1e-4, type=mujoco.mjtJoint.mjJNT_HINGE
        )
        stiff = STIFF[(part - 1) % 3]
        servo = spec.add_actuator(name=hand.PARTS[part], target=joint.name, trntype=mujoco.mjtTrn.mjTRN_JOINT)
        servo.set_to_position(kp=stiff * float(np.clip(thing.mass / EASY, 1, STRONGEST)))
    for cone, part in enumerate(CONE_PARTS):
        parts[part].add_geom(
            name=f"cone{cone}", type=mujoco.mjtGeom.mjGEOM_CAPSULE, size=[0.01, 0.01, 0], contype=1, conaffinity=2,
            condim=6, friction=[FRICTION, PAD * FRICTION, PAD / 2],
        )  # fmt: skip
    return spec.compile()


def _add_object(spec: mujoco.MjSpec, thing: Object) -> None:
    """The free body, first: its pose is then qpos[:7]. Mass and inertia are the whole mesh's, not the pieces'."""
    whole = thing.mesh.copy()
    whole.density = thing.mass / whole.volume
    body = spec.worldbody.add_body(name="object", mass=thing.mass, ipos=whole.center_mass, explicitinertial=True)
    inertia = whole.moment_inertia
    body.fullinertia = [*np.diag(inertia), inertia[0, 1], inertia[0, 2], inertia[1, 2]]
    body.add_freejoint()
    for place, piece in enumerate(thing.pieces):
        spec.add_mesh(name=f"piece{place}", uservert=piece.vertices.ravel(), userface=piece.faces.ravel())
        body.add_geom(
            type=mujoco.mjtGeom.mjGEOM_MESH, meshname=f"piece{place}", contype=2, conaffinity=1, condim=6, mass=0,
            friction=[FRICTION, PAD * FRICTION, PAD / 2],
        )  # fmt: skip


def _fit(model: mujoco.MjModel, posed: hand.Posed) -> None:
    """Give the model this hand's size and pose; joint angle zero is the grasp's own."""
    frames = posed.frames[0].numpy()
    for part in range(1, 16):
        frame = frames[part] if part % 3 == 1 else np.linalg.inv(frames[part - 1]) @ frames[part]
        body = model.body(hand.PARTS[part]).id
        model.body_pos[body], model.body_quat[body] = frame[:3, 3], _quaternion(frame[:3, :3])
    a, b = posed.a[0].numpy(), posed.b[0].numpy()
    radius = 0.5 * (posed.ra + posed.rb)[0].numpy()
    for cone, part in enumerate(CONE_PARTS):
        frame = frames[part] if part else np.eye(4)  # the palm's capsules are fixed to the world
        middle, axis = (a[cone] + b[cone]) / 2, b[cone] - a[cone]
        half, geom = np.linalg.norm(axis) / 2, model.geom(f"cone{cone}").id
        model.geom_pos[geom] = frame[:3, :3].T @ (middle - frame[:3, 3])
        mujoco.mju_quatZ2Vec(model.geom_quat[geom], frame[:3, :3].T @ axis / (2 * half))
        model.geom_size[geom] = radius[cone], half, 0
        model.geom_sameframe[geom] = mujoco.mjtSameFrame.mjSAMEFRAME_NONE
    mujoco.mj_setConst(model, mujoco.MjData(model))  # the geoms' bounds too, in which contacts are looked for


def _quaternion(turn: Float[np.ndarray, "3 3"]) -> Float[np.ndarray, "4"]:
    quaternion = np.empty(4)
    mujoco.mju_mat2Quat(quaternion, turn.ravel())
    return quaternion
