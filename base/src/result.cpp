#include <base/result.hpp>

namespace sg {

const char* errc_name(Errc code) noexcept {
    switch (code) {
        case Errc::kInvalidArgument:
            return "invalid_argument";
        case Errc::kUnsupported:
            return "unsupported";
        case Errc::kNotFound:
            return "not_found";
        case Errc::kPermission:
            return "permission";
        case Errc::kIo:
            return "io";
        case Errc::kNoSpace:
            return "no_space";
        case Errc::kBadData:
            return "bad_data";
        case Errc::kEndOfStream:
            return "end_of_stream";
        case Errc::kAgain:
            return "again";
        case Errc::kTimeout:
            return "timeout";
        case Errc::kCancelled:
            return "cancelled";
        case Errc::kLimit:
            return "limit";
        case Errc::kMismatch:
            return "mismatch";
        case Errc::kCrashed:
            return "crashed";
        case Errc::kInternal:
            return "internal";
    }
    return "internal";
}

}  // namespace sg
