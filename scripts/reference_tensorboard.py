"""Event files of TensorBoard's own writer, and what its own reader finds in ours.

Run: python3 scripts/reference_tensorboard.py > tests/reference/tensorboard.json
     python3 scripts/reference_tensorboard.py FOLDER   (prints every scalar that TensorBoard reads in it)
Needs tensorboard 2.20.0.
"""
import base64
import io
import json
import math
import random
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.summary.writer.record_writer import RecordWriter

TAGS = ["train/loss", "train/rewards/margins", "eval/loss", "train/Ω", "reward/" + "long" * 40]


def written(events):
    file = io.BytesIO()
    writer = RecordWriter(file)
    writer.write(Event(wall_time=events[0]["wallTime"], file_version="brain.Event:2").SerializeToString())
    for event in events:
        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in event["values"]]
        writer.write(Event(wall_time=event["wallTime"], step=event["step"], summary=Summary(value=values)).SerializeToString())
    return file.getvalue()


def fixture():
    rng = random.Random(7)
    steps = [0, 1, 2, 127, 128, 300, 16_383, 16_384, 2_097_152, 4_000_000_000]
    events = [
        {"wallTime": 1_770_000_000.25 + i * 1.7, "step": step, "values": [[tag, rng.choice([0.0, 1e-7, -3.5, math.pi, 6.9e5, rng.gauss(0, 1)])] for tag in TAGS[: 1 + i % len(TAGS)]]}
        for i, step in enumerate(steps)
    ]
    return {"events": events, "base64": base64.b64encode(written(events)).decode()}


def read(folder):
    found = EventAccumulator(folder, size_guidance={"scalars": 0, "tensors": 0})
    found.Reload()
    return {tag: [[event.step, event.value] for event in found.Scalars(tag)] for tag in found.Tags()["scalars"]}


if __name__ == "__main__":
    json.dump(read(sys.argv[1]) if len(sys.argv) > 1 else fixture(), sys.stdout, ensure_ascii=False)
    print()
