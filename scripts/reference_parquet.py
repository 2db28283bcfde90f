"""Parquet files as Hugging Face's datasets library writes WildChat, by pyarrow, in every codec and page version that
import reads: python scripts/reference_parquet.py writes tests/reference/parquet (pyarrow 26.0.1)."""
import datetime
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq

out = pathlib.Path(__file__).parent.parent / "tests" / "reference" / "parquet"
start = datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone.utc)
time = pa.timestamp("us", tz="UTC")
message = pa.struct([("content", pa.string()), ("hashed_ip", pa.string()), ("role", pa.string()), ("timestamp", time), ("turn_identifier", pa.int64())])
flags = pa.struct([("categories", pa.struct([("self-harm/intent", pa.bool_())])), ("flagged", pa.bool_())])
schema = pa.schema([("conversation_hash", pa.string()), ("model", pa.string()), ("timestamp", time), ("conversation", pa.list_(message)), ("turn", pa.int64()), ("language", pa.string()), ("openai_moderation", pa.list_(flags)), ("toxic", pa.bool_()), ("redacted", pa.bool_()), ("hashed_ip", pa.string())])


def row(i):
    messages = [{"content": f"text {i} {j} äöü 🎲", "hashed_ip": "secret", "role": "user" if j % 2 == 0 else "assistant", "timestamp": start if j % 2 else None, "turn_identifier": i} for j in range(2 + 2 * (i % 3))]
    return {"conversation_hash": f"h{i}", "model": "gpt-4", "timestamp": start + datetime.timedelta(days=i), "conversation": messages, "turn": 1 + i % 3, "language": "English", "openai_moderation": [{"categories": {"self-harm/intent": None}, "flagged": False}], "toxic": False, "redacted": i == 1, "hashed_ip": "secret"}


table = pa.Table.from_pylist([row(i) for i in range(7)], schema=schema)
out.mkdir(parents=True, exist_ok=True)
for codec in ["none", "snappy", "gzip", "zstd", "brotli"]:
    for version in ["1.0", "2.0"]:
        pq.write_table(table, out / f"{codec}-{version}.parquet", compression=codec, row_group_size=3, data_page_version=version, write_page_index=version == "2.0", store_schema=False)
