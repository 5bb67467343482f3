"""Builds the MuJoCo model that all simulations share: table, arm, cameras, object slots."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np

from vla_gym.geometry.rotations import look_at
from vla_gym.robots.robot import Robot
from vla_gym.world.object_kind import MAX_GEOMS, SIZE_SCALES, SIZES, Kind
from vla_gym.world.objects import KINDS
from vla_gym.world.patterns import PATTERNS, SIZE

PHYSICS_TIMESTEP = 1 / 300
"""Seconds per physics step; divides control rates of 10, 15, 20, 25, 30, 50, 60 and 100 Hz."""
PAD_SOLREF = (2 * PHYSICS_TIMESTEP, 1.0)
"""Contact of the finger pads, as stiff as the time step allows. MuJoCo leaves centripetal
acceleration out of its friction constraints, so a held object slips outwards on a curve; stiffer
contacts slip less, here 0.1 mm per step of 5 cm."""
SLIPPERY = 0.06
"""Sliding friction of slippery objects, on any surface."""
HIDDEN_GROUP = 5
"""Geom group of unused primitives, which is not rendered."""
PARKING = (0.0, -3.0, 1.0)
"""Position of absent objects, weightless and out of sight [m]."""
CAMERAS = {"image": "fixed", "wrist_image": "wrist"}
"""Observation key -> camera name."""

# contact bits: table and objects collide with everything, the robot only with these
_THING = {"contype": 1, "conaffinity": 3}
_ROBOT = {"contype": 2, "conaffinity": 1}
_MARK = {"contype": 0, "conaffinity": 0}
_TONES = {"light": (0.86, 0.87, 0.89, 1.0), "dark": (0.27, 0.29, 0.33, 1.0)}
_SHAPES = {
    "box": mujoco.mjtGeom.mjGEOM_BOX,
    "cylinder": mujoco.mjtGeom.mjGEOM_CYLINDER,
    "sphere": mujoco.mjtGeom.mjGEOM_SPHERE,
    "capsule": mujoco.mjtGeom.mjGEOM_CAPSULE,
    "ellipsoid": mujoco.mjtGeom.mjGEOM_ELLIPSOID,
}


CAMERA_POS = np.array([1.06, 0.0, 0.74])
"""Nominal centre of the fixed camera [m]."""
CAMERA_TARGET = np.array([0.475, 0.0, 0.02])
"""Point in the middle of its image [m]."""
CAMERA_FOVY = 37.0
"""Its vertical field of view [deg]."""


def _new_spec() -> mujoco.MjSpec:
    spec = mujoco.MjSpec()
    spec.compiler.degree = False
    opt = spec.option
    opt.timestep = PHYSICS_TIMESTEP
    # not implicitfast: implicit servo damping acts after the contacts, and grasped objects creep
    opt.integrator = mujoco.mjtIntegrator.mjINT_EULER
    opt.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    opt.impratio = 10.0
    opt.iterations = 100
    opt.ls_iterations = 50
    # objects at rest are not simulated until something touches them, which saves half of the time
    opt.enableflags |= mujoco.mjtEnableBit.mjENBL_SLEEP
    # slots differ between simulations, so the compiled bounding volumes do not apply
    opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_MIDPHASE
    return spec


def _add_object_geoms(body: Any, kind: Kind | None, scale: float) -> None:
    """Give `body` exactly MAX_GEOMS primitives; those that a kind does not use are inert."""
    geoms = kind.geoms if kind else ()
    for geom in geoms:
        body.add_geom(
            type=_SHAPES[geom.shape],
            size=np.pad(np.array(geom.size) * scale, (0, 3 - len(geom.size))),
            pos=np.array(geom.pos) * scale,
            quat=geom.quat,
            density=kind.density if kind else 0.0,
            rgba=(geom.shade, geom.shade, geom.shade, 1.0),
            condim=6 if kind and kind.round else 4,  # else a tilted disc never stops wobbling
            friction=_friction(kind),
            priority=1 if kind and kind.slippery else 0,  # else the table's friction would apply
            solref=(0.012, 1.0),
            **(_MARK if kind and kind.mark else _THING),
        )
    for _ in range(MAX_GEOMS - len(geoms)):
        body.add_geom(
            type=mujoco.mjtGeom.mjGEOM_SPHERE, size=(0.001, 0, 0), mass=0.0 if kind else 0.01,
            contype=0, conaffinity=0, group=HIDDEN_GROUP, rgba=(0, 0, 0, 0),
        )  # fmt: skip


def _friction(kind: Kind | None) -> tuple[float, float, float]:
    """Sliding, torsional and rolling friction."""
    if kind and kind.slippery:
        return (SLIPPERY, 0.001, 0.0005)
    return (0.9, 0.01, 0.002 if kind and kind.rolls else 0.0005)


def build_catalogue() -> mujoco.MjModel:
    """Compile every kind in every size, plus one inert body, to copy slots from.

    Returns:
        A model with one free body per (kind, size), kind-major, then the inert one. What MuJoCo's
        compiler derives (inertia, bounds, inverse weights) is copied, not recomputed.
    """
    spec = _new_spec()
    for kind in [*KINDS.values(), None]:
        for size in SIZES if kind else SIZES[:1]:
            body = spec.worldbody.add_body()
            body.add_freejoint()
            _add_object_geoms(body, kind, SIZE_SCALES[size])
            if kind is None or kind.mark:
                body.gravcomp = 1.0
    return spec.compile()


def _add_table(spec: mujoco.MjSpec) -> None:
    world = spec.worldbody
    for name, pixels in PATTERNS.items():
        spec.add_texture(
            name=name, type=mujoco.mjtTexture.mjTEXTURE_2D, width=SIZE, height=SIZE, nchannel=3,
            data=pixels.ravel(),
        )  # fmt: skip
        cloth = spec.add_material(name=name, texuniform=True, texrepeat=(3.0, 3.0))
        cloth.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = name
    world.add_geom(
        name="table", type=mujoco.mjtGeom.mjGEOM_BOX, size=(0.42, 0.60, 0.02), pos=(0.45, 0, -0.02),
        rgba=(0.66, 0.62, 0.56, 1), contype=0, conaffinity=0,
    )  # fmt: skip
    # contacts with a plane are exact and cheap, and nothing can fall off it
    world.add_geom(
        name="surface", type=mujoco.mjtGeom.mjGEOM_PLANE, size=(1, 1, 0.1), group=HIDDEN_GROUP,
        friction=(0.9, 0.01, 0.002), condim=4, solref=(0.012, 1.0), **_THING,
    )  # fmt: skip
    world.add_geom(
        name="floor", type=mujoco.mjtGeom.mjGEOM_PLANE, size=(4, 4, 0.1), pos=(0, 0, -0.7),
        rgba=(0.34, 0.36, 0.40, 1), contype=0, conaffinity=0,
    )  # fmt: skip
    world.add_light(
        name="sun", pos=(0.6, -0.5, 1.6), dir=(-0.15, 0.3, -1.0), castshadow=False,
        type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
        diffuse=(0.45, 0.45, 0.45), specular=(0.05, 0.05, 0.05), ambient=(0, 0, 0),
    )  # fmt: skip
    head = spec.visual.headlight
    head.ambient, head.diffuse, head.specular = (0.42,) * 3, (0.28,) * 3, (0.02,) * 3
    spec.visual.quality.offsamples = 0
    spec.visual.quality.shadowsize = 256
    spec.visual.map.znear = 0.01
    spec.visual.map.zfar = 20.0
    world.add_camera(
        name="fixed", pos=CAMERA_POS, quat=look_at(CAMERA_POS, CAMERA_TARGET), fovy=CAMERA_FOVY
    )


def _add_robot(spec: mujoco.MjSpec, robot: Robot) -> None:
    parent = spec.worldbody.add_body(name="base")
    half = robot.base_height / 2
    parent.add_geom(type=mujoco.mjtGeom.mjGEOM_CYLINDER, size=(robot.base_radius, half, 0),
                    pos=(0, 0, half),
                    rgba=_TONES["dark"], contype=0, conaffinity=0)  # fmt: skip
    for link in robot.links:
        parent = parent.add_body(name=link.name, pos=link.pos, quat=link.quat, gravcomp=1.0)
        parent.add_joint(name=f"joint_{link.name}", type=mujoco.mjtJoint.mjJNT_HINGE,
                         axis=(0, 0, 1), range=link.limits, limited=True, damping=link.damping,
                         armature=link.armature)  # fmt: skip
        bits = _ROBOT if link.collides else {"contype": 0, "conaffinity": 0}
        for capsule in link.capsules:
            parent.add_geom(type=mujoco.mjtGeom.mjGEOM_CAPSULE,
                            fromto=[*capsule.start, *capsule.end],
                            size=(capsule.radius, 0, 0), rgba=_TONES[capsule.tone],
                            mass=link.mass / len(link.capsules), **bits)  # fmt: skip
        gain, damp = np.zeros(10), np.zeros(10)
        gain[0], damp[1:3] = link.stiffness, (-link.stiffness, -robot.servo_lag * link.stiffness)
        spec.add_actuator(name=f"servo_{link.name}", target=f"joint_{link.name}",
                          trntype=mujoco.mjtTrn.mjTRN_JOINT, gainprm=gain, biasprm=damp,
                          biastype=mujoco.mjtBias.mjBIAS_AFFINE, ctrllimited=True,
                          ctrlrange=link.limits, forcelimited=True,
                          forcerange=(-link.torque, link.torque))  # fmt: skip
    _add_hand(spec, robot, parent)


def _add_hand(spec: mujoco.MjSpec, robot: Robot, flange: Any) -> None:
    gripper, camera = robot.gripper, robot.wrist_camera
    hand = flange.add_body(name="hand", pos=robot.flange, quat=robot.flange_quat, gravcomp=1.0)
    hand.add_geom(type=mujoco.mjtGeom.mjGEOM_BOX, size=gripper.hand_half,
                  pos=(0, 0, gripper.hand_height), rgba=_TONES["light"], mass=gripper.hand_mass,
                  **_ROBOT)  # fmt: skip
    hand.add_site(name="tcp", pos=robot.tcp, size=(0.003, 0, 0), group=HIDDEN_GROUP)
    pos, target = np.array(camera.pos), np.array(camera.target)
    hand.add_camera(name="wrist", pos=pos, fovy=camera.fovy,
                    quat=look_at(pos, target, up=camera.up))  # fmt: skip
    for side, quat in (("left", (1, 0, 0, 0)), ("right", (0, 0, 0, 1))):
        finger = hand.add_body(name=f"{side}_finger", pos=(0, 0, gripper.finger_base), quat=quat,
                               gravcomp=1.0)  # fmt: skip
        finger.add_joint(name=f"{side}_slide", type=mujoco.mjtJoint.mjJNT_SLIDE, axis=(0, 1, 0),
                         range=(0, gripper.finger_travel), limited=True,
                         damping=gripper.finger_damping,
                         armature=gripper.finger_armature)  # fmt: skip
        finger.add_geom(name=f"{side}_pad", type=mujoco.mjtGeom.mjGEOM_BOX,
                        size=gripper.pad_half, pos=(0, gripper.pad_half[1], gripper.pad_height),
                        mass=gripper.pad_mass, rgba=(0.16, 0.17, 0.19, 1),
                        friction=(1.6, 0.05, 0.001), condim=6, priority=1, solref=PAD_SOLREF,
                        solimp=(0.95, 0.99, 0.001, 0.5, 2), **_ROBOT)  # fmt: skip
    opening = spec.add_tendon(name="opening")
    opening.wrap_joint("left_slide", 1.0)
    opening.wrap_joint("right_slide", 1.0)
    eq = spec.add_equality(type=mujoco.mjtEq.mjEQ_JOINT, name1="left_slide", name2="right_slide",
                           objtype=mujoco.mjtObj.mjOBJ_JOINT)  # fmt: skip
    eq.data[1] = 1.0
    eq.solref = (0.01, 1.0)
    gain, bias = np.zeros(10), np.zeros(10)
    gain[0], bias[1], bias[2] = gripper.servo_gain, -gripper.servo_gain, 0.0
    spec.add_actuator(name="gripper", target="opening", trntype=mujoco.mjtTrn.mjTRN_TENDON,
                      gainprm=gain, biasprm=bias, biastype=mujoco.mjtBias.mjBIAS_AFFINE,
                      ctrllimited=True, ctrlrange=(0, gripper.opening), forcelimited=True,
                      forcerange=(-gripper.finger_force, gripper.finger_force))  # fmt: skip


def build_model(robot: Robot, n_slots: int) -> mujoco.MjModel:
    """Compile the table, the arm and `n_slots` empty object slots.

    Args:
        robot: The arm.
        n_slots: Object slots; each can hold any kind.

    Returns:
        The model. Bodies ``slot0..`` own MAX_GEOMS primitives each; sensors ``touch_<side>_<slot>``
        report whether a finger touches that slot's object.
    """
    spec = _new_spec()
    _add_table(spec)
    _add_robot(spec, robot)
    for slot in range(n_slots):
        body = spec.worldbody.add_body(name=f"slot{slot}", pos=np.add(PARKING, (0.3 * slot, 0, 0)))
        body.gravcomp = 1.0
        body.add_freejoint(name=f"free{slot}")
        _add_object_geoms(body, None, 1.0)
    for slot in range(n_slots):
        for side in ("left", "right"):
            sensor = spec.add_sensor(
                name=f"touch_{side}_{slot}", type=mujoco.mjtSensor.mjSENS_CONTACT,
                objtype=mujoco.mjtObj.mjOBJ_BODY, objname=f"{side}_finger",
                reftype=mujoco.mjtObj.mjOBJ_BODY, refname=f"slot{slot}",
            )  # fmt: skip
            sensor.intprm = [1 << mujoco.mjtConDataField.mjCONDATA_FOUND.value, 0, 1]
    return spec.compile()
