"""An adapter as a GGUF file, which llama.cpp computes with beside the model's own."""

import re
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from routerlab.models.convert import TENSORS
from routerlab.tune.fit import Floats


def lora_bytes(matrices: Mapping[str, tuple[Floats, Floats]], alpha: int) -> bytes:
    """The file: each pair (rank, in), (out, rank) as 16-bit floats, by llama.cpp's names of the weights that
    it is added to. The same numbers and version of the `gguf` package give the same bytes."""
    import gguf

    with TemporaryDirectory() as folder:
        path = Path(folder) / "lora.gguf"
        writer = gguf.GGUFWriter(path, "bert")
        writer.add_type(gguf.GGUFType.ADAPTER)
        writer.add_string(gguf.Keys.Adapter.TYPE, "lora")
        writer.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(alpha))
        for name in sorted(matrices):
            found = re.fullmatch(r"encoder\.layer\.(\d+)\.(.+)", name)
            assert found, name
            for side, matrix in zip("ab", matrices[name], strict=True):
                tensor = f"blk.{found[1]}.{TENSORS[found[2]]}.weight.lora_{side}"
                writer.add_tensor(tensor, matrix.astype(np.float16))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path.read_bytes()
