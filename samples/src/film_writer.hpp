#pragma once

#include <functional>
#include <string>

#include <base/result.hpp>

#include "film.hpp"

namespace sg::samples {

/// Encodes the film as H.264 and AAC into an MP4 file. `progress` gets a fraction now and then.
[[nodiscard]] Status write_film(const FilmFormat& format,
                                const std::string& path,
                                const std::function<void(double)>& progress);

}  // namespace sg::samples
