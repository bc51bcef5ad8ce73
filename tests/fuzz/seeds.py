#!/usr/bin/env python3
"""Writes starting inputs for the fuzz targets, made from files of the repository: seeds.py OUT_FOLDER."""
import json
import pathlib
import struct
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def config_seeds():
    for path in sorted([*ROOT.glob("models/*/config.json"), *ROOT.glob("tests/fixtures/hf/*/config.json")]):
        yield path.read_bytes()


def safetensors_seeds():
    """A few tensors of each dtype; the fixtures' files are too large to mutate well."""
    sizes = {"F32": 4, "BF16": 2, "F16": 2, "F8_E4M3": 1, "I64": 8}
    for names in (["F32"], ["BF16", "F8_E4M3"], list(sizes)):
        header, data = {"__metadata__": {"format": "pt"}}, b""
        for name in names:
            bytes_ = 2 * 4 * sizes[name]
            header[f"t.{name}"] = {"dtype": name, "shape": [2, 4], "data_offsets": [len(data), len(data) + bytes_]}
            data += struct.pack("<f", 0.5) * (bytes_ // 4)
        text = json.dumps(header).encode()
        yield struct.pack("<Q", len(text)) + text + data


def tokenizer_seeds():
    """The embedded model's tokenizer with its first 300 tokens, before it a text."""
    tokenizer = json.loads((ROOT / "models/tiny-v32/tokenizer.json").read_text(encoding="utf-8"))
    model = tokenizer["model"]
    model["vocab"] = {token: id_ for token, id_ in model["vocab"].items() if id_ < 300}
    model["merges"] = [m for m in model["merges"] if all(t in model["vocab"] for t in (*m, "".join(m)))]
    tokenizer["added_tokens"] = tokenizer["added_tokens"][:3]
    for text in ("the cat's 12345 Häuser\n\n", "日本語 <｜end▁of▁sentence｜>🙂"):
        bytes_ = text.encode()
        yield struct.pack(">H", len(bytes_)) + bytes_ + json.dumps(tokenizer, ensure_ascii=False).encode()


def dsml_seeds():
    cases = json.loads((ROOT / "tests/fixtures/text/chat_encoding.json").read_text(encoding="utf-8"))
    texts = [json.dumps(case["messages"], ensure_ascii=False) for case in cases["encode"]]
    texts += [case["completion"] for case in cases["parse"]]
    for i, text in enumerate(sorted(texts, key=len)[:60]):
        yield bytes([i % 4]) + text.encode()


def main(out):
    seeds = {"fuzz_config": config_seeds, "fuzz_safetensors": safetensors_seeds, "fuzz_tokenizer": tokenizer_seeds,
             "fuzz_dsml": dsml_seeds}
    for target, make in seeds.items():
        folder = pathlib.Path(out) / target
        folder.mkdir(parents=True, exist_ok=True)
        for i, seed in enumerate(make()):
            (folder / f"seed-{i:03}").write_bytes(seed)


if __name__ == "__main__":
    main(sys.argv[1])
