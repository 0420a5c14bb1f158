// What the guest's network code uses of shoji::netlink, by its plain names.
#ifndef SHOJI_GUEST_AGENT_NET_NETLINK_H_
#define SHOJI_GUEST_AGENT_NET_NETLINK_H_

#include "shoji/netlink/address.h"
#include "shoji/netlink/link.h"
#include "shoji/netlink/netlink.h"

namespace shoji::agent {

using netlink::BytesOf;
using netlink::Link;
using netlink::LinkAddress;
using netlink::LinkAddressText;
using netlink::LinkByName;
using netlink::ListAddresses;
using netlink::ListLinks;
using netlink::NameOf;
using netlink::NetlinkAttributes;
using netlink::NetlinkMessage;
using netlink::NetlinkRequest;
using netlink::NetlinkSocket;
using netlink::NumberOf;
using netlink::ParseAddress;
using netlink::ParseLinkAddress;
using netlink::ParsePrefix;
using netlink::Prefix;

}  // namespace shoji::agent

#endif  // SHOJI_GUEST_AGENT_NET_NETLINK_H_
