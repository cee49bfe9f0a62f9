#include <cstring>

#include <protocols/rtmp_message.hpp>

namespace sg::protocols {

RtmpPayload::RtmpPayload(std::size_t size)
    : data_(std::make_shared_for_overwrite<std::byte[]>(size + kPadding)), size_(size) {
    std::memset(data_.get() + size, 0, kPadding);
}

}  // namespace sg::protocols
