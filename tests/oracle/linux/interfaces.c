/* What programs ask about interfaces: NETLINK_ROUTE, getifaddrs, the ioctls of netdevice(7), AI_ADDRCONFIG. Of all there may be, only lo. */
#include "checks.h"
#include <arpa/inet.h>
#include <grp.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <sys/socket.h>

static int fd;
static struct { struct nlmsghdr h; union { struct ifinfomsg link; struct ifaddrmsg address; struct rtgenmsg family; char room[64]; }; } ask;
static char answer[65536];
static long question(int kind, int flags, int length)
{
    ask.h = (struct nlmsghdr){sizeof ask.h + length, kind, NLM_F_REQUEST | flags, 7, 0};
    return send(fd, &ask, ask.h.nlmsg_len, 0);
}
/* Every message until the last: of lo all that is settled. */
static void show(void)
{
    char text[64];
    for (int more = 1; more;) {
        long n = recv(fd, answer, sizeof answer, 0);
        for (struct nlmsghdr *h = (void *)answer; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
            more = h->nlmsg_flags & NLM_F_MULTI && h->nlmsg_type != NLMSG_DONE;
            if (h->nlmsg_seq != 7)
                puts("another's answer");
            if (h->nlmsg_type == NLMSG_ERROR) {
                struct nlmsgerr *e = NLMSG_DATA(h);
                printf("    error %s of %d\n", e->error ? strerrorname_np(-e->error) : "0", e->msg.nlmsg_type);
            } else if (h->nlmsg_type == RTM_NEWLINK) {
                struct ifinfomsg *link = NLMSG_DATA(h);
                int left = IFLA_PAYLOAD(h);
                if (link->ifi_index != 1)
                    continue;
                printf("    link %d type %d flags %x\n", link->ifi_family, link->ifi_type, link->ifi_flags);
                for (struct rtattr *a = IFLA_RTA(link); RTA_OK(a, left); a = RTA_NEXT(a, left))
                    if (a->rta_type == IFLA_IFNAME)
                        printf("    name %s\n", (char *)RTA_DATA(a));
                    else if (a->rta_type == IFLA_MTU)
                        printf("    mtu %u\n", *(unsigned *)RTA_DATA(a));
                    else if (a->rta_type == IFLA_ADDRESS || a->rta_type == IFLA_BROADCAST)
                        printf("    address of %d bytes\n", (int)RTA_PAYLOAD(a));
            } else if (h->nlmsg_type == RTM_NEWADDR) {
                struct ifaddrmsg *address = NLMSG_DATA(h);
                int left = IFA_PAYLOAD(h);
                if (address->ifa_index != 1 || (address->ifa_family == AF_INET6 && address->ifa_prefixlen != 128))
                    continue;
                printf("    address %d/%d flags %x scope %d\n", address->ifa_family, address->ifa_prefixlen, address->ifa_flags, address->ifa_scope);
                for (struct rtattr *a = IFA_RTA(address); RTA_OK(a, left); a = RTA_NEXT(a, left))
                    if (a->rta_type == IFA_ADDRESS || a->rta_type == IFA_LOCAL)
                        printf("    %d: %s\n", a->rta_type, inet_ntop(address->ifa_family, RTA_DATA(a), text, sizeof text));
                    else if (a->rta_type == IFA_LABEL)
                        printf("    label %s\n", (char *)RTA_DATA(a));
            }
        }
    }
}

int main(void)
{
    if (!geteuid())
        setgroups(0, NULL), setgid(1000), setuid(1000);
    struct sockaddr_nl me = {.nl_family = AF_NETLINK}, kernel = me;
    socklen_t size = sizeof me;
    T(socket(AF_NETLINK, SOCK_STREAM, NETLINK_ROUTE));
    T(socket(AF_NETLINK, SOCK_RAW, 99));
    T(socketpair(AF_NETLINK, SOCK_RAW, 0, (int[2]){0}));
    fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    T(fd >= 0);
    T(fcntl(fd, F_GETFD));
    T(getsockname(fd, (void *)&me, &size));
    T(size);
    T(me.nl_family);
    T(me.nl_pid);
    T(bind(fd, (void *)&kernel, 3));
    T(bind(fd, (void *)&kernel, sizeof kernel));
    T(bind(fd, (void *)&kernel, sizeof kernel));
    T(getsockname(fd, (void *)&me, &size));
    T(me.nl_pid == getpid());
    kernel.nl_pid = 5;
    T(bind(fd, (void *)&kernel, sizeof kernel));
    int second = socket(AF_NETLINK, SOCK_DGRAM, NETLINK_ROUTE);
    kernel.nl_pid = getpid();
    T(bind(second, (void *)&kernel, sizeof kernel));
    kernel.nl_pid = 0;
    T(bind(second, (void *)&kernel, sizeof kernel));
    T(getsockname(second, (void *)&me, &size));
    T(me.nl_pid != getpid() && me.nl_pid);
    T(listen(fd, 1));
    T(accept(fd, NULL, NULL));
    T(shutdown(fd, SHUT_RDWR));
    T(recv(fd, answer, 10, MSG_DONTWAIT));
    T(recv(fd, answer, 10, MSG_OOB));
    T(send(fd, "x", 1, MSG_OOB));
    int one = 1;
    T(setsockopt(fd, 270, NETLINK_EXT_ACK, &one, sizeof one));
    T(setsockopt(fd, 270, NETLINK_CAP_ACK, &one, sizeof one));
    T(setsockopt(fd, 270, NETLINK_EXT_ACK, &(int){0}, sizeof one));
    T(setsockopt(fd, 270, 999, &one, sizeof one));
    T(setsockopt(second, 0, 1, &one, sizeof one) == -1);

    puts("links");
    memset(&ask, 0, sizeof ask);
    T(question(RTM_GETLINK, NLM_F_DUMP, sizeof ask.link)); show();
    ask.link.ifi_index = 1;
    T(question(RTM_GETLINK, 0, sizeof ask.link)); show();
    ask.link.ifi_index = 1000000;
    T(question(RTM_GETLINK, 0, sizeof ask.link)); show();
    memset(&ask, 0, sizeof ask);
    T(question(RTM_GETLINK, 0, sizeof ask.link)); show();
    puts("addresses");
    T(question(RTM_GETADDR, NLM_F_DUMP, sizeof ask.address)); show();
    ask.address.ifa_family = AF_INET;
    T(question(RTM_GETADDR, NLM_F_DUMP, sizeof ask.address)); show();
    ask.address.ifa_family = AF_INET6;
    T(question(RTM_GETADDR, NLM_F_DUMP, sizeof ask.address)); show();
    puts("not for a user");
    memset(&ask, 0, sizeof ask);
    ask.link.ifi_index = 1;
    T(question(RTM_NEWLINK, 0, sizeof ask.link)); show();
    T(question(RTM_DELLINK, 0, sizeof ask.link)); show();
    T(question(RTM_NEWADDR, 0, sizeof ask.address)); show();
    T(question(RTM_DELROUTE, NLM_F_ACK, 12)); show();
    puts("acknowledged");
    T(question(RTM_GETLINK, NLM_F_ACK, sizeof ask.link));
    T(recv(fd, answer, sizeof answer, MSG_DONTWAIT) > 0);
    puts("bad");
    close(fd);
    fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    ask.h = (struct nlmsghdr){sizeof ask.h + 4, NLMSG_NOOP, NLM_F_REQUEST, 7, 0};
    T(send(fd, &ask, ask.h.nlmsg_len, 0));
    T(recv(fd, answer, sizeof answer, MSG_DONTWAIT));
    ask.h.nlmsg_type = RTM_GETLINK, ask.h.nlmsg_flags = 0;
    T(send(fd, &ask, ask.h.nlmsg_len, 0));
    T(recv(fd, answer, sizeof answer, MSG_DONTWAIT));
    ask.h.nlmsg_len = 1000, ask.h.nlmsg_flags = NLM_F_REQUEST;
    T(send(fd, &ask, 32, 0));
    T(recv(fd, answer, sizeof answer, MSG_DONTWAIT));
    kernel.nl_pid = 1 << 30;
    T(sendto(fd, &ask, 32, 0, (void *)&kernel, sizeof kernel));
    kernel.nl_pid = 0, kernel.nl_groups = 1;
    T(sendto(fd, &ask, 32, 0, (void *)&kernel, sizeof kernel));
    T(sendto(fd, &ask, 32, 0, (void *)&kernel, 5));
    kernel.nl_family = AF_INET;
    T(sendto(fd, &ask, 32, 0, (void *)&kernel, sizeof kernel));

    puts("ioctl");
    struct ifreq r;
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    static const int requests[] = {SIOCGIFFLAGS, SIOCGIFADDR, SIOCGIFNETMASK, SIOCGIFMTU, SIOCGIFHWADDR, SIOCGIFINDEX, SIOCGIFBRDADDR, SIOCGIFDSTADDR, SIOCGIFMETRIC, SIOCGIFTXQLEN};
    for (int i = 0; i < sizeof requests / sizeof *requests; i++) {
        memset(&r, 0, sizeof r), strcpy(r.ifr_name, "lo");
        printf("%x\n", requests[i]);
        T(ioctl(s, requests[i], &r));
        T(r.ifr_flags);
        T(((struct sockaddr_in *)&r.ifr_addr)->sin_addr.s_addr);
        strcpy(r.ifr_name, "none9");
        T(ioctl(s, requests[i], &r));
    }
    memset(&r, 0, sizeof r), r.ifr_ifindex = 1;
    T(ioctl(s, SIOCGIFNAME, &r)); puts(r.ifr_name);
    r.ifr_ifindex = 1000000;
    T(ioctl(s, SIOCGIFNAME, &r));
    strcpy(r.ifr_name, "lo");
    T(ioctl(s, SIOCSIFMTU, &r));
    T(ioctl(s, SIOCGIFINDEX, NULL));
    T(ioctl(nameless_file(0), SIOCGIFINDEX, &r));
    struct ifreq many[64];
    struct ifconf all = {sizeof many, {(char *)many}};
    T(ioctl(s, SIOCGIFCONF, &all));
    T(all.ifc_len > 0 && all.ifc_len % sizeof *many == 0); puts(many[0].ifr_name);
    all.ifc_len = 10;
    T(ioctl(s, SIOCGIFCONF, &all)); T(all.ifc_len);
    T(if_nametoindex("lo")); T(if_nametoindex("none9"));
    char name[IF_NAMESIZE];
    puts(if_indextoname(1, name));

    puts("libc");
    struct if_nameindex *names = if_nameindex();
    for (int i = 0; names && names[i].if_index; i++)
        if (names[i].if_index == 1)
            puts(names[i].if_name);
    struct ifaddrs *list = NULL;
    T(getifaddrs(&list));
    for (struct ifaddrs *a = list; a; a = a->ifa_next)
        if (!strcmp(a->ifa_name, "lo")) {
            char text[64] = "", mask[64] = "";
            int family = a->ifa_addr ? a->ifa_addr->sa_family : -1;
            void *host = family == AF_INET ? (void *)&((struct sockaddr_in *)a->ifa_addr)->sin_addr : (void *)&((struct sockaddr_in6 *)a->ifa_addr)->sin6_addr;
            void *net = family == AF_INET ? (void *)&((struct sockaddr_in *)a->ifa_netmask)->sin_addr : (void *)&((struct sockaddr_in6 *)a->ifa_netmask)->sin6_addr;
            if (family == AF_INET || family == AF_INET6)
                inet_ntop(family, host, text, 64), inet_ntop(family, net, mask, 64);
            printf("%s %d %x %s %s\n", a->ifa_name, family, a->ifa_flags, text, mask);
        }
    return 0;
}
