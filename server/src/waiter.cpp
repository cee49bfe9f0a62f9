#include "waiter.hpp"

namespace sg::server {

void Waiter::link(WaitList& list) noexcept {
    list_ = &list;
    previous_ = nullptr;
    next_ = list.first_;
    if (next_ != nullptr) next_->previous_ = this;
    list.first_ = this;
}

void Waiter::unlink() noexcept {
    if (list_ == nullptr) return;
    if (next_ != nullptr) next_->previous_ = previous_;
    (previous_ != nullptr ? previous_->next_ : list_->first_) = next_;
    list_ = nullptr;
}

WaitList::~WaitList() {
    while (first_ != nullptr) first_->unlink();
}

void WaitList::wake_all() {
    // end_wait() only posts, so nobody joins while this runs.
    while (first_ != nullptr) {
        Waiter* waiter = first_;
        waiter->unlink();
        waiter->end_wait(WaitOutcome::kWoken);
    }
}

}  // namespace sg::server
