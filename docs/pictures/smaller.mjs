// Each PNG file that is named, in 256 colours: text needs no more, and they are a third of the size.

import { readFileSync, writeFileSync } from "node:fs";
import UPNG from "upng-js";

for (const name of process.argv.slice(2)) {
  const picture = UPNG.decode(new Uint8Array(readFileSync(name)).buffer);
  const smaller = UPNG.encode(UPNG.toRGBA8(picture), picture.width, picture.height, 256);
  writeFileSync(name, Buffer.from(smaller));
}
