#include <algorithm>
#include <cstring>

#include <protocols/rtmp_message.hpp>

namespace sg::protocols {

RtmpPayload::RtmpPayload(std::size_t size)
    : data_(std::make_shared_for_overwrite<std::byte[]>(size + kPadding)), size_(size) {
    std::memset(data_.get() + size, 0, kPadding);
}

RtmpPayload RtmpPayload::tail(std::size_t offset) const {
    RtmpPayload rest;
    offset = std::min(offset, size_);
    rest.data_ = std::shared_ptr<std::byte[]>(data_, data_.get() + offset);
    rest.size_ = size_ - offset;
    return rest;
}

}  // namespace sg::protocols
