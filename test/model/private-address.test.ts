import { describe, expect, it } from 'vitest';
import { isPrivateHost } from '../../src/model/private-address.ts';

describe('isPrivateHost', () => {
  it.each([
    '0.0.0.0 10.255.255.255 100.64.0.1 127.0.0.1 172.16.0.1 172.31.255.255 192.168.0.1 198.19.0.1 224.0.0.1 255.255.255.255',
    'localhost a.localhost localhost. [::] [::1] [fc00::1] [fdff::1] [fe80::1] [ff02::1] [::ffff:a00:1] [64:ff9b::7f00:1] [2002:a00:1::]',
  ])('true: %s', (list) => {
    for (const host of list.split(' ')) expect([host, isPrivateHost(host)]).toEqual([host, true]);
  });

  it.each([
    '1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 172.15.0.0 172.32.0.0 192.169.0.0 223.255.255.255',
    'example.com 10.0.0.1.example.com [2606:4700::1111] [::ffff:101:101] [64:ff9b::101:101] [2002:101:101::]',
  ])('false: %s', (list) => {
    for (const host of list.split(' ')) expect([host, isPrivateHost(host)]).toEqual([host, false]);
  });
});
