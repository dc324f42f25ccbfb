#pragma once

#include <string>

#include "base/result.h"

namespace foreshard::cli {

// Writes a picture to `path`: as it is to .svg, drawn by rsvg-convert to .png. Errors: the ending
// is another one, the file cannot be written, rsvg-convert is missing or fails.
Status WritePicture(const std::string& path, const std::string& svg);

// Whether WritePicture() knows the ending.
bool IsPicture(const std::string& path);

}  // namespace foreshard::cli
